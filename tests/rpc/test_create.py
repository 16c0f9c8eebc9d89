"""CreateMeImage and GetMeImage: me-images of a stored media."""

import uuid

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import pictures
from tests.people import Person, face, refused
from tests.stored import Stored


@pytest.fixture
async def media_id(alice: Person) -> str:
    return (await alice.upload(pictures.jpeg(), filename="me.jpg")).media.media_id


async def test_a_created_me_image_is_read_as_it_was_answered(alice: Person, media_id: str) -> None:
    new = pb.NewMeImage(kind=pb.KIND_HANDS, label="left", tags=["b", "a", "b"], claim_slots=[pb.SLOT_FACE_REF])
    made = await alice.create(media_id, new)
    assert (made.kind, made.label, list(made.tags), list(made.slots)) == (
        pb.KIND_HANDS,
        "left",
        ["b", "a"],
        [pb.SLOT_FACE_REF],
    )
    assert made.media.media_id == media_id
    assert made.create_time == made.update_time
    assert not made.HasField("delete_time")
    assert await alice.get(made.me_image_id) == made


async def test_a_media_may_have_several_me_images(alice: Person, media_id: str, stored: Stored) -> None:
    one, other = [await alice.create(media_id, face(label)) for label in ("one", "other")]
    assert one.me_image_id != other.me_image_id
    assert one.etag != other.etag
    assert (await stored.rows(alice.user_id))["media"] == 1
    assert (await stored.rows(alice.user_id))["me_images"] == 2


async def test_a_claimed_slot_leaves_its_former_holder(alice: Person, media_id: str) -> None:
    slots = [pb.SLOT_AVATAR, pb.SLOT_FACE_REF]
    former = await alice.create(media_id, face("former", slots=slots))
    bystander = await alice.create(media_id, face("bystander", slots=[pb.SLOT_BODY_REF]))
    made = await alice.create(media_id, face("made", slots=[pb.SLOT_AVATAR]))
    after = await alice.get(former.me_image_id)
    assert list(made.slots) == [pb.SLOT_AVATAR]
    assert list(after.slots) == [pb.SLOT_FACE_REF]
    assert after.etag != former.etag
    assert after.update_time.ToNanoseconds() > former.update_time.ToNanoseconds()
    assert after.label == "former"
    assert await alice.get(bystander.me_image_id) == bystander


async def test_a_media_that_is_not_there_is_not_found(
    alice: Person, bob: Person, media_id: str, stored: Stored
) -> None:
    of_bob = (await bob.upload(pictures.jpeg())).media.media_id
    before = await stored.rows(alice.user_id)
    answers = []
    for missing in (str(uuid.uuid4()), of_bob):
        request = rpc.CreateMeImageRequest(user_id=alice.user_id, media_id=missing, new_me_image=face())
        answers.append(await refused(alice.stub.CreateMeImage(request, metadata=alice.metadata)))
    assert answers[0] == answers[1]
    assert (answers[0].code, answers[0].reason) == (grpc.StatusCode.NOT_FOUND, "MEDIA_NOT_FOUND")
    assert await stored.rows(alice.user_id) == before
    assert media_id != of_bob


async def test_a_user_who_never_uploaded_has_no_media(bob: Person, media_id: str, stored: Stored) -> None:
    request = rpc.CreateMeImageRequest(user_id=bob.user_id, media_id=media_id, new_me_image=face())
    answer = await refused(bob.stub.CreateMeImage(request, metadata=bob.metadata))
    assert answer.reason == "MEDIA_NOT_FOUND"
    assert await stored.rows(bob.user_id) == {}


async def test_ids_are_read_in_either_case(alice: Person, media_id: str) -> None:
    made = await alice.create(media_id.upper(), face())
    assert await alice.get(made.me_image_id.upper()) == made
