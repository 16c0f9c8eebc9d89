"""UploadMeImage: one call stores the photo, makes its thumbnail and creates the me-image."""

import hashlib

import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import pictures
from tests.people import Person, face, upload_messages
from tests.stored import Stored

MIB = 1024 * 1024


async def test_the_answer_tells_what_was_stored(alice: Person) -> None:
    photo = pictures.jpeg(640, 480)
    media = (await alice.upload(photo, filename="ada.jpg")).media
    assert (media.content_type, media.size_bytes, media.filename) == ("image/jpeg", len(photo), "ada.jpg")
    assert media.sha256 == hashlib.sha256(photo).hexdigest()
    assert (media.width, media.height) == (640, 480)
    assert media.HasField("create_time")


async def test_a_media_alone_creates_no_me_image(alice: Person, stored: Stored) -> None:
    answer = await alice.upload(pictures.jpeg())
    assert not answer.HasField("me_image")
    assert await stored.rows(alice.user_id) == {"users": 1, "media": 1, "renditions": 1}
    assert await stored.media_states(alice.user_id) == ["ready"]
    media_id = answer.media.media_id
    assert await stored.keys_of(alice.user_id) == {f"me/{media_id}/original", f"me/{media_id}/webp-320"}


async def test_one_call_creates_the_me_image_as_well(alice: Person, stored: Stored) -> None:
    new = pb.NewMeImage(
        kind=pb.KIND_HALFBODY,
        label="Am See 🌊",
        tags=["summer", "outdoors"],
        usage=pb.Usage(ai_reference=True, show_in_profile=False),
        claim_slots=[pb.SLOT_BODY_REF, pb.SLOT_AVATAR],
    )
    answer = await alice.upload(pictures.png(), new)
    made = answer.me_image
    assert (made.user_id, made.kind, made.label, list(made.tags)) == (
        alice.user_id,
        pb.KIND_HALFBODY,
        "Am See 🌊",
        ["summer", "outdoors"],
    )
    assert made.usage == pb.Usage(ai_reference=True, show_in_profile=False)
    assert list(made.slots) == [pb.SLOT_AVATAR, pb.SLOT_BODY_REF]
    assert made.media == answer.media
    assert not made.thumbnail
    assert await alice.get(made.me_image_id) == made
    assert (await stored.rows(alice.user_id))["primary_slots"] == 2


async def test_nobody_is_opted_in_without_saying_so(alice: Person) -> None:
    made = (await alice.upload(pictures.jpeg(), face())).me_image
    assert made.usage == pb.Usage(ai_reference=False, show_in_profile=True)


@pytest.mark.parametrize(
    ("photo", "content_type"),
    [
        (pictures.jpeg(), "image/jpeg"),
        (pictures.png(), "image/png"),
        (pictures.webp(), "image/webp"),
        (pictures.heic([pictures.marker(64, 48)]), "image/heic"),
        (pictures.avif(), "image/avif"),
    ],
    ids=["jpeg", "png", "webp", "heic", "avif"],
)
async def test_the_type_comes_from_the_bytes_and_never_from_the_name(
    alice: Person, photo: bytes, content_type: str
) -> None:
    media = (await alice.upload(photo, filename="holiday.gif")).media
    assert (media.content_type, media.width, media.height) == (content_type, 64, 48)


async def test_a_turned_photo_has_its_upright_size(alice: Person) -> None:
    media = (await alice.upload(pictures.jpeg(300, 200, orientation=6))).media
    assert (media.width, media.height) == (300, 200)


@pytest.mark.parametrize("chunk", [1, 1000, 256 * 1024, MIB])
async def test_chunks_of_any_size_give_the_same_photo(alice: Person, chunk: int) -> None:
    photo = pictures.jpeg()
    header = rpc.UploadHeader(user_id=alice.user_id)
    answer = await alice.send(upload_messages(header, photo, chunk))
    assert answer.media.sha256 == hashlib.sha256(photo).hexdigest()


async def test_a_photo_of_ten_mebibytes_is_taken(alice: Person) -> None:
    photo = pictures.jpeg()
    photo += bytes(10 * MIB - len(photo))
    made = (await alice.upload(photo, face())).me_image
    header, content = await alice.download(made.me_image_id)
    assert header.size_bytes == 10 * MIB
    assert content == photo


async def test_everything_beyond_the_user_may_be_left_out(alice: Person) -> None:
    media = (await alice.send(upload_messages(rpc.UploadHeader(user_id=alice.user_id), pictures.png()))).media
    assert (media.filename, media.content_type) == ("", "image/png")
