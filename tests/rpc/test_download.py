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
    [pictures.jpeg(400, 300, orientation=6), pictures.png(), pictures.webp(), pictures.avif()],
    ids=["jpeg", "png", "webp", "avif"],
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


async def test_the_thumbnail_is_upright_small_and_bare(alice: Person) -> None:
    photo = pictures.jpeg(1200, 900, orientation=6)
    made = (await alice.upload(photo, face())).me_image
    header, content = await alice.download(made.me_image_id, pb.RENDITION_WEBP_320)
    assert (header.content_type, header.width, header.height) == ("image/webp", 320, 240)
    assert (header.size_bytes, header.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert pictures.SECRET in photo
    assert pictures.SECRET not in content
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("WEBP", (320, 240))
        assert not {"exif", "xmp", "icc_profile"} & set(image.info)
        for at, colour in zip([(40, 30), (280, 30), (40, 210), (280, 210)], pictures.QUADRANTS, strict=True):
            pixel = image.convert("RGB").getpixel(at)
            assert isinstance(pixel, tuple)
            assert all(abs(one - other) < 24 for one, other in zip(pixel, colour, strict=True))


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
