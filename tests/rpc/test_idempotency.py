"""The same request_id gives the same answer and has one effect, whatever happened to the call before."""

import asyncio
import random
import uuid
from collections.abc import Awaitable

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import pictures
from tests.people import Person, face, refused
from tests.stored import Stored

PHOTO, OTHER_PHOTO = pictures.jpeg(90, 60), pictures.jpeg(60, 90)


async def test_a_retried_upload_is_answered_alike(alice: Person, stored: Stored, request_id: str) -> None:
    first = await alice.upload(PHOTO, face("one", slots=[pb.SLOT_AVATAR]), request_id=request_id)
    await alice.upload(PHOTO, face("later", slots=[pb.SLOT_AVATAR]))
    for _ in range(3):
        assert await alice.upload(PHOTO, face("one", slots=[pb.SLOT_AVATAR]), request_id=request_id) == first
    rows = await stored.rows(alice.user_id)
    assert (rows["media"], rows["me_images"], rows["requests"]) == (1, 2, 1)
    assert (await alice.get(first.me_image.me_image_id)).slots == []


async def test_a_retried_creation_is_answered_alike(alice: Person, stored: Stored, request_id: str) -> None:
    media_id = (await alice.upload(PHOTO)).media.media_id
    first = await alice.create(media_id, face("one"), request_id=request_id)
    for _ in range(3):
        assert await alice.create(media_id, face("one"), request_id=request_id.upper()) == first
    assert (await stored.rows(alice.user_id))["me_images"] == 1


async def test_without_a_request_id_every_call_counts(alice: Person) -> None:
    made = [(await alice.upload(PHOTO, face())).me_image.me_image_id for _ in range(3)]
    assert len(set(made)) == 3


async def test_another_request_under_the_same_id_is_refused(alice: Person, stored: Stored, request_id: str) -> None:
    first = await alice.upload(PHOTO, face("one"), request_id=request_id)
    before = await stored.rows(alice.user_id)
    media_id = first.media.media_id
    reused: list[Awaitable[object]] = [
        alice.upload(OTHER_PHOTO, face("one"), request_id=request_id),
        alice.upload(PHOTO, face("two"), request_id=request_id),
        alice.upload(PHOTO, face("one", "tag"), request_id=request_id),
        alice.upload(PHOTO, face("one", slots=[pb.SLOT_AVATAR]), request_id=request_id),
        alice.upload(PHOTO, request_id=request_id),
        alice.upload(PHOTO, face("one"), request_id=request_id, filename="other.jpg"),
        alice.create(media_id, face("one"), request_id=request_id),
    ]
    answers = [await refused(call) for call in reused]
    assert {(answer.code, answer.reason) for answer in answers} == {
        (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    }
    assert await stored.rows(alice.user_id) == before
    assert await alice.upload(PHOTO, face("one"), request_id=request_id) == first


async def test_a_request_id_belongs_to_its_user(alice: Person, bob: Person, request_id: str) -> None:
    of_alice = await alice.upload(PHOTO, face("a"), request_id=request_id)
    of_bob = await bob.upload(OTHER_PHOTO, face("b"), request_id=request_id)
    assert of_alice.media.media_id != of_bob.media.media_id
    assert (of_bob.me_image.label, of_bob.me_image.user_id) == ("b", bob.user_id)


async def test_a_refused_request_leaves_its_id_free(alice: Person, request_id: str) -> None:
    assert (await refused(alice.upload(b"\xff\xd8\xff", face(), request_id=request_id))).reason == "UNDECODABLE_IMAGE"
    assert (await alice.upload(PHOTO, face("fine"), request_id=request_id)).me_image.label == "fine"


async def test_what_was_announced_of_the_bytes_need_not_be_repeated(alice: Person, request_id: str) -> None:
    first = await alice.upload(PHOTO, face(), request_id=request_id)
    header = rpc.UploadHeader(user_id=alice.user_id, filename="me.jpg", request_id=request_id, new_me_image=face())
    parts = [rpc.UploadMeImageRequest(header=header), rpc.UploadMeImageRequest(chunk=PHOTO)]
    assert await alice.send(parts) == first


@pytest.mark.parametrize("known", [False, True], ids=["new user", "known user"])
async def test_twenty_uploads_at_once_are_one(alice: Person, stored: Stored, request_id: str, known: bool) -> None:
    if known:
        await alice.upload(OTHER_PHOTO)
    answers = await asyncio.gather(*(alice.upload(PHOTO, face("one"), request_id=request_id) for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    rows = await stored.rows(alice.user_id)
    assert (rows["me_images"], rows["requests"]) == (1, 1)
    assert (await stored.media_states(alice.user_id)).count("ready") == 1 + known


async def test_twenty_creations_at_once_are_one(alice: Person, stored: Stored, request_id: str) -> None:
    media_id = (await alice.upload(PHOTO)).media.media_id
    answers = await asyncio.gather(*(alice.create(media_id, face(), request_id=request_id) for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert (await stored.rows(alice.user_id))["me_images"] == 1


async def test_of_different_requests_under_one_id_one_wins(alice: Person, stored: Stored, request_id: str) -> None:
    media_id = (await alice.upload(PHOTO)).media.media_id
    calls = [alice.create(media_id, face(f"number {number}"), request_id=request_id) for number in range(10)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    made = [answer for answer in answers if isinstance(answer, pb.MeImage)]
    assert len(made) == 1
    assert (await stored.rows(alice.user_id))["me_images"] == 1
    assert await alice.get(made[0].me_image_id) == made[0]


async def test_a_cancelled_call_and_its_retry_have_one_effect(
    alice: Person, stored: Stored, seeded: random.Random
) -> None:
    uploads = 40
    cancelled = 0
    for number in range(uploads):
        photo, request_id, label = pictures.jpeg(60 + number, 50), str(uuid.uuid4()), f"number {number}"
        try:
            async with asyncio.timeout(seeded.uniform(0, 0.06)):
                await alice.upload(photo, face(label), request_id=request_id)
        except TimeoutError:
            cancelled += 1
        answer = await alice.upload(photo, face(label), request_id=request_id)
        assert answer.me_image.label == label
    assert cancelled > 0
    labels = [me_image.label for me_image in (await alice.page(rpc.ListMeImagesRequest(page_size=200))).me_images]
    assert labels == [f"number {number}" for number in reversed(range(uploads))]
    assert (await stored.media_states(alice.user_id)).count("ready") == uploads


async def test_a_creation_that_ran_out_of_time_and_its_retry_have_one_effect(
    alice: Person, stored: Stored, seeded: random.Random
) -> None:
    media_id = (await alice.upload(PHOTO)).media.media_id
    for _ in range(60):
        request_id = str(uuid.uuid4())
        request = rpc.CreateMeImageRequest(
            user_id=alice.user_id, media_id=media_id, new_me_image=face(), request_id=request_id
        )
        call = alice.stub.CreateMeImage(request, metadata=alice.metadata, timeout=seeded.uniform(0.0005, 0.012))
        assert await call.code() in {grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED}
        await alice.create(media_id, face(), request_id=request_id)
    assert (await stored.rows(alice.user_id))["me_images"] == 60
