"""ListMeImages: pages, filters and thumbnails."""

import random

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import pictures
from tests.people import Person, face, refused

KINDS = (pb.KIND_FACE, pb.KIND_HANDS, pb.KIND_FULLBODY)


async def filled(person: Person, count: int) -> list[pb.MeImage]:
    """Give a person so many me-images; return them newest first."""
    media_id = (await person.upload(pictures.jpeg())).media.media_id
    made = []
    for number in range(count):
        usage = pb.Usage(ai_reference=number % 4 == 0)
        new = pb.NewMeImage(kind=KINDS[number % 3], label=f"number {number}", tags=[f"tag {number}"], usage=usage)
        made.append(await person.create(media_id, new))
    return made[::-1]


async def pages(person: Person, **query: object) -> list[rpc.ListMeImagesResponse]:
    """Return all pages of a list."""
    found, token = [], ""
    while True:
        request = rpc.ListMeImagesRequest(**query, page_token=token)  # type: ignore[arg-type] # each test names its fields
        found.append(await person.page(request))
        token = found[-1].next_page_token
        if not token:
            return found


async def test_a_pool_without_me_images_is_an_empty_page(alice: Person) -> None:
    assert await alice.page() == rpc.ListMeImagesResponse()
    await alice.upload(pictures.jpeg())
    assert await alice.page() == rpc.ListMeImagesResponse()


async def test_me_images_come_newest_first_and_as_they_were_made(alice: Person, bob: Person) -> None:
    made = await filled(alice, 7)
    await filled(bob, 2)
    page = await alice.page()
    assert list(page.me_images) == made
    assert not page.next_page_token


@pytest.mark.parametrize("page_size", [1, 3, 7, 23, 24, 25, 200])
async def test_pages_together_are_the_whole_list(alice: Person, page_size: int) -> None:
    made = await filled(alice, 24)
    found = await pages(alice, page_size=page_size)
    assert [each for page in found for each in page.me_images] == made
    assert [len(page.me_images) for page in found[:-1]] == [page_size] * (len(found) - 1)
    assert len(found) == -(-24 // page_size)


async def test_fifty_are_a_page_where_no_size_is_named(alice: Person) -> None:
    made = await filled(alice, 52)
    assert [len(page.me_images) for page in await pages(alice)] == [50, 2]
    full = await pages(alice, page_size=200)
    assert [each.label for each in full[0].me_images] == [each.label for each in made]


async def test_filters(alice: Person) -> None:
    made = await filled(alice, 24)
    hands = [each for each in made if each.kind == pb.KIND_HANDS]
    opted_in = [each for each in made if each.usage.ai_reference]
    assert [m for page in await pages(alice, kinds=[pb.KIND_HANDS], page_size=3) for m in page.me_images] == hands
    assert [m for page in await pages(alice, ai_reference_only=True, page_size=2) for m in page.me_images] == opted_in
    both = await pages(alice, kinds=[pb.KIND_HANDS, pb.KIND_FACE], ai_reference_only=True, page_size=2)
    expected = [each for each in opted_in if each.kind != pb.KIND_FULLBODY]
    assert [each for page in both for each in page.me_images] == expected
    assert await pages(alice, kinds=[pb.KIND_REFERENCE]) == [rpc.ListMeImagesResponse()]


async def test_paging_stands_still_while_me_images_are_added(alice: Person, seeded: random.Random) -> None:
    made, token = await filled(alice, 12), ""
    found: list[pb.MeImage] = []
    while True:
        page = await alice.page(rpc.ListMeImagesRequest(page_size=3, page_token=token))
        found += page.me_images
        token = page.next_page_token
        for _ in range(seeded.randint(0, 2)):
            await alice.create(made[0].media.media_id, face("added meanwhile"))
        if not token:
            break
    assert found == made


async def test_one_call_draws_a_whole_grid(alice: Person) -> None:
    photos = [pictures.jpeg(640, 480), pictures.png(), pictures.webp()]
    made = [(await alice.upload(photo, face())).me_image for photo in photos]
    page = await alice.page(rpc.ListMeImagesRequest(view=pb.ME_IMAGE_VIEW_FULL, page_size=2))
    rest = await alice.page(rpc.ListMeImagesRequest(page_size=2, page_token=page.next_page_token))
    for each in page.me_images:
        _, thumbnail = await alice.download(each.me_image_id, pb.RENDITION_WEBP_320)
        assert each.thumbnail == thumbnail
        assert thumbnail[:4] == b"RIFF"
    assert [each.me_image_id for each in (*page.me_images, *rest.me_images)] == [m.me_image_id for m in made[::-1]]
    assert not rest.me_images[0].thumbnail


@pytest.mark.parametrize(
    ("view", "page_size", "is_good"),
    [
        (pb.ME_IMAGE_VIEW_BASIC, 200, True),
        (pb.ME_IMAGE_VIEW_BASIC, 201, False),
        (pb.ME_IMAGE_VIEW_FULL, 50, True),
        (pb.ME_IMAGE_VIEW_FULL, 51, False),
        (pb.ME_IMAGE_VIEW_UNSPECIFIED, -1, False),
        (pb.ME_IMAGE_VIEW_UNSPECIFIED, -(2**31), False),
        (pb.ME_IMAGE_VIEW_UNSPECIFIED, 0, True),
    ],
)
async def test_page_sizes(alice: Person, view: pb.MeImageView.ValueType, page_size: int, is_good: bool) -> None:
    request = rpc.ListMeImagesRequest(view=view, page_size=page_size)
    if is_good:
        assert await alice.page(request) == rpc.ListMeImagesResponse()
    else:
        answer = await refused(alice.page(request))
        assert (answer.code, answer.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("page_size",))
