"""DownloadMeImage: the original byte for byte, and its thumbnail."""

import hashlib
import io
import uuid

import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc
from PIL import Image

from service.domain.limits import DOWNLOAD_CHUNK_BYTES
from tests import pictures
from tests.people import Person, face, refused


@pytest.mark.parametrize(
    "photo",
    [pictures.jpeg(400, 300, orientation=6), pictures.png(), pictures.webp(), pictures.avif(), pictures.turned_heic(6)],
    ids=["jpeg", "png", "webp", "avif", "heic"],
)
async def test_the_original_comes_back_byte_for_byte(alice: Person, photo: bytes) -> None:
    made = (await alice.upload(photo, face())).me_image
    header, content = await alice.download(made.me_image_id)
    assert content == photo
    assert header == rpc.DownloadHeader(
        content_type=made.media.content_type,
        size_bytes=len(photo),
        sha256=made.media.sha256,
        width=made.media.width,
        height=made.media.height,
    )


@pytest.mark.parametrize(
    ("photo", "size", "thumbnail_size"),
    [
        (pictures.jpeg(3000, 4000, orientation=6), (3000, 4000), (240, 320)),
        (pictures.jpeg(1200, 900, orientation=8), (1200, 900), (320, 240)),
        (pictures.turned_heic(6), (64, 48), (64, 48)),
    ],
    ids=["12 megapixels", "jpeg", "heic"],
)
async def test_a_turned_photo_with_a_place_has_an_upright_and_bare_thumbnail(
    alice: Person, photo: bytes, size: tuple[int, int], thumbnail_size: tuple[int, int]
) -> None:
    made = (await alice.upload(photo, face())).me_image
    header, content = await alice.download(made.me_image_id, pb.RENDITION_WEBP_320)
    assert (made.media.width, made.media.height) == size
    assert (header.content_type, header.width, header.height) == ("image/webp", *thumbnail_size)
    assert (header.size_bytes, header.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert pictures.SECRET in photo
    assert pictures.SECRET not in content
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("WEBP", thumbnail_size)
        assert not {"exif", "xmp", "icc_profile"} & set(image.info)
        assert all(map(alike, corners(image), pictures.QUADRANTS))
    assert (await alice.download(made.me_image_id))[1] == photo


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The pixels in the middle of the four quadrants."""
    width, height = image.size
    places = [(width * x // 4, height * y // 4) for y in (1, 3) for x in (1, 3)]
    pixels = [image.convert("RGB").getpixel(place) for place in places]
    return [pixel for pixel in pixels if isinstance(pixel, tuple)]


def alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 24 for a, b in zip(one, other, strict=True))


async def test_a_large_photo_comes_in_chunks_that_are_large_but_not_too_large(alice: Person) -> None:
    photo = pictures.jpeg()
    photo += bytes(3 * 1024 * 1024 - len(photo))
    made = (await alice.upload(photo, face())).me_image
    request = rpc.DownloadMeImageRequest(user_id=alice.user_id, me_image_id=made.me_image_id)
    first, *chunks = [answer async for answer in alice.stub.DownloadMeImage(request, metadata=alice.metadata)]
    assert first.HasField("header")
    sizes = [len(each.chunk) for each in chunks]
    assert sizes[:-1] == [DOWNLOAD_CHUNK_BYTES] * (len(sizes) - 1)
    assert 0 < sizes[-1] <= DOWNLOAD_CHUNK_BYTES <= 256 * 1024
    assert b"".join(each.chunk for each in chunks) == photo


async def test_a_caller_who_stops_early_does_no_harm(alice: Person) -> None:
    photo = pictures.jpeg()
    photo += bytes(3 * 1024 * 1024 - len(photo))
    made = (await alice.upload(photo, face())).me_image
    for _ in range(10):
        request = rpc.DownloadMeImageRequest(user_id=alice.user_id, me_image_id=made.me_image_id)
        call = alice.stub.DownloadMeImage(request, metadata=alice.metadata)
        assert (await anext(aiter(call))).HasField("header")
        call.cancel()
    _, content = await alice.download(made.me_image_id)
    assert content == photo


async def test_nothing_comes_of_a_me_image_that_is_not_there(alice: Person, bob: Person) -> None:
    of_bob = (await bob.upload(pictures.jpeg(), face())).me_image.me_image_id
    answers = []
    for missing in (of_bob, str(uuid.uuid4())):
        for rendition in (pb.RENDITION_UNSPECIFIED, pb.RENDITION_WEBP_320):
            request = rpc.DownloadMeImageRequest(user_id=alice.user_id, me_image_id=missing, rendition=rendition)
            answers.append(await refused(alice.stub.DownloadMeImage(request, metadata=alice.metadata)))
    assert {answer.reason for answer in answers} == {"ME_IMAGE_NOT_FOUND"}
    assert len(set(answers)) == 1
