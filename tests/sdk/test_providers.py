"""Releases on their way to the providers, with the providers' own packages and a server that takes them apart."""

import base64
import json
import runpy
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import cast

import grpc
import pytest
from google import genai
from google.genai import types
from meimage.providers import gemini_parts, openai_edit_files
from meimage.release import ReleasedImage, ReleasedReferences
from meimage.v1 import reference_service_pb2 as pb
from meimage.v1.reference_service_pb2_grpc import (
    ReferenceServiceServicer,
    add_ReferenceServiceServicer_to_server,
)
from openai import AsyncOpenAI, OpenAI
from PIL import Image

from tests.sdk.provider import DRAWN, Provider, Sent, form_parts, provider
from tests.sdk.releases import header, picture, released, stream

EXAMPLES = Path(__file__).parents[2] / "clients/python/examples"
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with provider() as running:
        yield running


def assert_is(content: bytes, content_type: str, image: ReleasedImage) -> None:
    assert content == image.content
    assert content_type == image.content_type
    with Image.open(BytesIO(content)) as decoded:
        decoded.load()
        assert decoded.format == FORMATS[image.content_type]
        assert (decoded.size, decoded.mode) == ((image.width, image.height), "RGB")


def assert_is_edit(sent: Sent, release: ReleasedReferences, field: str = "image[]") -> None:
    """Check that these are exactly the images, in their order, each under its name and type."""
    assert sent.path == "/v1/images/edits"
    parts = form_parts(sent)
    files = [part for part in parts if part.filename is not None]
    assert [part.name for part in files] == [field] * len(release.images)
    for place, (part, image) in enumerate(zip(files, release.images, strict=True), start=1):
        assert part.filename == f"reference-{place}{SUFFIXES[image.content_type]}"
        assert_is(part.content, part.content_type, image)
    fields = {part.name: part.content.decode() for part in parts if part.filename is None}
    assert set(fields) == {"model", "prompt"}


def assert_is_inline(sent: Sent, release: ReleasedReferences) -> None:
    """Check that the images came first, then the prompt."""
    assert sent.path.endswith("/models/gemini-2.5-flash-image:generateContent")
    (content,) = json.loads(sent.body)["contents"]
    *images, prompt = content["parts"]
    assert set(prompt) == {"text"}
    for part, image in zip(images, release.images, strict=True):
        assert set(part) == {"inlineData"}
        assert set(part["inlineData"]) == {"data", "mime_type"}  # JSON of protobuf: either spelling, either base64
        assert_is(base64.urlsafe_b64decode(part["inlineData"]["data"]), part["inlineData"]["mime_type"], image)


@pytest.mark.parametrize(
    "formats",
    [["image/png"], ["image/jpeg"], ["image/png", "image/jpeg", "image/webp"], ["image/png"] * 16],
    ids=["one png", "one jpeg", "one of each", "sixteen"],
)
async def test_openai_gets_every_image_under_its_name_and_type(there: Provider, formats: list[str]) -> None:
    release = await released(*formats)
    with OpenAI(api_key="none", base_url=f"{there.address}/v1") as client:
        answer = client.images.edit(model="gpt-image-2", image=openai_edit_files(release), prompt="A portrait")
    (sent,) = there.sent
    assert_is_edit(sent, release)
    assert base64.b64decode((answer.data or [])[0].b64_json or "") == DRAWN


async def test_openai_gets_the_same_from_its_asynchronous_client(there: Provider) -> None:
    release = await released("image/png", "image/jpeg")
    async with AsyncOpenAI(api_key="none", base_url=f"{there.address}/v1") as client:
        await client.images.edit(model="gpt-image-1.5", image=openai_edit_files(release), prompt="A portrait")
    assert_is_edit(there.sent[0], release)


async def test_dall_e_2_gets_its_one_square_without_a_list(there: Provider) -> None:
    release = await released("image/png", generator="openai/dall-e-2", size=(32, 32))
    with OpenAI(api_key="none", base_url=f"{there.address}/v1") as client:
        client.images.edit(model="dall-e-2", image=openai_edit_files(release)[0], prompt="A portrait")
    assert_is_edit(there.sent[0], release, field="image")


async def test_names_say_nothing_about_the_person() -> None:
    release = await released("image/png", "image/jpeg")
    assert [name for name, _, _ in openai_edit_files(release)] == ["reference-1.png", "reference-2.jpg"]


async def test_a_format_that_openai_does_not_take_is_refused() -> None:
    image = ReleasedImage("", "image/heic", "", 1, 1, b"")
    with pytest.raises(ValueError, match="not as image/heic"):
        openai_edit_files(ReleasedReferences("", "", 1, "", (image,)))


async def test_gemini_gets_every_image_as_inline_data(there: Provider) -> None:
    release = await released("image/png", "image/jpeg", "image/webp", generator="google/gemini-2.5-flash-image")
    # The package takes dictionaries, but types a part as one with every key that it knows.
    contents = cast("types.ContentListUnionDict", [*gemini_parts(release), "A portrait"])
    async with genai.Client(api_key="none", http_options=types.HttpOptions(base_url=there.address)).aio as client:
        answer = await client.models.generate_content(model="gemini-2.5-flash-image", contents=contents)
    (sent,) = there.sent
    assert_is_inline(sent, release)
    assert [part.inline_data.data for part in answer.parts or [] if part.inline_data] == [DRAWN]


Context = grpc.aio.ServicerContext[pb.ReleaseReferencesRequest, pb.ReleaseReferencesResponse]


class HandMade(ReferenceServiceServicer):
    """Streams one release to whoever has the token."""

    def __init__(self) -> None:
        self.asked: list[pb.ReleaseReferencesRequest] = []
        pictures = [(picture("image/png", 30 + side, 20, (side, 90, 160)), 30 + side) for side in range(2)]
        self.images = [(header(content, "image/png", width, 20), content) for content, width in pictures]

    async def ReleaseReferences(
        self, request: pb.ReleaseReferencesRequest, context: Context
    ) -> AsyncIterator[pb.ReleaseReferencesResponse]:
        assert dict(context.invocation_metadata() or ())["authorization"] == "Bearer token"
        self.asked.append(request)
        for message in stream(self.images, request.generator):
            yield message

    async def ListReferences(self, request: pb.ListReferencesRequest, context: object) -> pb.ListReferencesResponse:
        raise NotImplementedError

    async def ListGenerators(self, request: pb.ListGeneratorsRequest, context: object) -> pb.ListGeneratorsResponse:
        raise NotImplementedError

    @property
    def release(self) -> ReleasedReferences:
        images = tuple(
            ReleasedImage(it.me_image_id, it.content_type, it.sha256, it.width, it.height, content)
            for it, content in self.images
        )
        return ReleasedReferences("", "", 7, "", images)


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HandMade]:
    server, servicer = grpc.aio.server(), HandMade()
    add_ReferenceServiceServicer_to_server(servicer, server)
    monkeypatch.setenv("ME_IMAGES_ADDRESS", f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    monkeypatch.setenv("ME_IMAGES_TOKEN", "token")
    monkeypatch.setenv("ME_IMAGES_USER_ID", "ada")
    await server.start()
    try:
        yield servicer
    finally:
        await server.stop(None)


async def test_the_openai_example(there: Provider, service: HandMade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{there.address}/v1")
    drawn = await runpy.run_path(str(EXAMPLES / "openai_edit.py"))["portrait"]()
    assert_is_edit(there.sent[0], service.release)
    assert drawn == DRAWN
    assert [(it.user_id, it.generator) for it in service.asked] == [("ada", "openai/gpt-image-2")]


async def test_the_gemini_example(there: Provider, service: HandMade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "none")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", there.address)
    drawn = await runpy.run_path(str(EXAMPLES / "gemini_edit.py"))["portrait"]()
    assert_is_inline(there.sent[0], service.release)
    assert drawn == DRAWN
    assert [(it.user_id, it.generator) for it in service.asked] == [("ada", "google/gemini-2.5-flash-image")]
