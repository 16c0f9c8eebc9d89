"""From a person's photos through the real service to a provider: what arrives is what the ledger names."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
from google import genai
from google.genai import types
from meimage.providers import gemini_parts, openai_edit_files
from meimage.release import ReleasedReferences, collect
from meimage.v1 import ledger_pb2
from meimage.v1 import reference_service_pb2 as rpc
from openai import OpenAI

from tests import pictures, rules
from tests.conftest import Served
from tests.people import Person
from tests.releases import SCOPES, opted_in, studio
from tests.sdk.provider import DRAWN, Provider
from tests.sdk.sent import assert_is_edit, assert_is_inline
from tests.tokens import Issuer

EXAMPLES = Path(__file__).parents[2] / "clients/python/examples"
PHOTOS: dict[str, Callable[[], bytes]] = {
    "turned": lambda: pictures.jpeg(300, 200, orientation=6),
    "cmyk": pictures.cmyk_jpeg,
    "palette": lambda: pictures.png("P"),
    "deep": pictures.deep_png,
    "transparent": pictures.transparent_png,
    "webp": pictures.webp,
    "wide gamut": lambda: pictures.jpeg(icc_profile=pictures.display_p3()),
    "heic": lambda: pictures.turned_heic(1),
}
"""What phones and programs make, and image models refuse or misread as it is."""


@pytest.fixture
async def photos(alice: Person) -> list[str]:
    """One of each, opted in."""
    return [(await alice.upload(make(), opted_in())).me_image.me_image_id for make in PHOTOS.values()]


async def released(
    served: Served, issuer: Issuer, who: Person, generator: str, *me_image_ids: str
) -> ReleasedReferences:
    """Have photos released and read them with the client; the ledger names exactly these bytes."""
    request = rpc.ReleaseReferencesRequest(user_id=who.user_id, me_image_ids=me_image_ids, generator=generator)
    release = await collect(studio(served, issuer).messages(request))
    entry = (await rules.entries(who))[-1]
    assert entry.kind == ledger_pb2.LEDGER_KIND_REFERENCES_RELEASED
    assert (entry.sequence, entry.hash) == (release.ledger_sequence, release.ledger_hash)
    assert [(it.me_image_id, it.sha256) for it in entry.release.images] == [
        (it.me_image_id, it.sha256) for it in release.images
    ]
    assert [image.me_image_id for image in release.images] == list(me_image_ids)
    return release


async def test_openai_gets_photos_of_every_kind(
    served: Served, issuer: Issuer, alice: Person, photos: list[str], there: Provider
) -> None:
    release = await released(served, issuer, alice, "openai/gpt-image-2", *photos)
    with OpenAI(api_key="none", base_url=f"{there.address}/v1") as client:
        client.images.edit(model="gpt-image-2", image=openai_edit_files(release), prompt="A portrait")
    assert_is_edit(there.sent[0], release)


async def test_dall_e_2_gets_a_square(
    served: Served, issuer: Issuer, alice: Person, photos: list[str], there: Provider
) -> None:
    release = await released(served, issuer, alice, "openai/dall-e-2", photos[0])
    with OpenAI(api_key="none", base_url=f"{there.address}/v1") as client:
        client.images.edit(model="dall-e-2", image=openai_edit_files(release)[0], prompt="A portrait")
    assert_is_edit(there.sent[0], release, field="image")
    (image,) = release.images
    assert image.width == image.height
    assert len(image.content) < 4_000_000


async def test_gemini_gets_photos_of_every_kind(
    served: Served, issuer: Issuer, alice: Person, photos: list[str], there: Provider
) -> None:
    release = await released(served, issuer, alice, "google/gemini-3-pro-image", *photos)
    parts = [types.Part.model_validate(part) for part in gemini_parts(release)]
    content = types.Content(role="user", parts=[*parts, types.Part(text="A portrait")])
    async with genai.Client(api_key="none", http_options=types.HttpOptions(base_url=there.address)).aio as client:
        await client.models.generate_content(model="gemini-3-pro-image", contents=content)
    assert_is_inline(there.sent[0], release, "gemini-3-pro-image")


@pytest.mark.parametrize("name", ["openai_edit", "gemini_edit"])
async def test_the_examples_work_as_they_stand(
    served: Served,
    issuer: Issuer,
    alice: Person,
    photos: list[str],
    there: Provider,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setenv("ME_IMAGES_ADDRESS", served.address)
    monkeypatch.setenv("ME_IMAGES_TOKEN", issuer.service(*SCOPES))
    monkeypatch.setenv("ME_IMAGES_USER_ID", alice.user_id)
    for key in ("OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(key, "none")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{there.address}/v1")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", there.address)
    assert await runpy.run_path(str(EXAMPLES / f"{name}.py"))["portrait"]() == DRAWN
    entry = (await rules.entries(alice))[-1]
    assert entry.release.purpose == "A portrait in watercolour"
    assert set(photos[-len(entry.release.images) :]) == {image.me_image_id for image in entry.release.images}
    (sent,) = there.sent
    assert sent.body
