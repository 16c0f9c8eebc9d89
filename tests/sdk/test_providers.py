"""Releases on their way to the providers, with the providers' own packages and a server that takes them apart."""

import base64
from typing import cast

import pytest
from google import genai
from google.genai import types
from meimage.providers import gemini_parts, openai_edit_files
from meimage.release import ReleasedImage, ReleasedReferences
from openai import AsyncOpenAI, OpenAI

from tests.sdk.handmade import released
from tests.sdk.provider import DRAWN, Provider
from tests.sdk.sent import assert_is_edit, assert_is_inline


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
    assert_is_inline(sent, release, "gemini-2.5-flash-image")
    assert [part.inline_data.data for part in answer.parts or [] if part.inline_data] == [DRAWN]
