"""What bad input gets: a status, a stable reason and the fields; nothing stored, nothing lost, the server alive."""

import uuid
from collections.abc import AsyncIterable, Awaitable
from typing import TypeAlias

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import pictures
from tests.conftest import Served
from tests.people import Person, face, refused, upload_messages
from tests.rpc.bad_input import CREATIONS, READS, UPLOADS, Bad
from tests.stored import Stored

RawCall: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"


@pytest.fixture
async def owned(alice: Person) -> pb.MeImage:
    return (await alice.upload(pictures.png(), face("owned", "tag", slots=[pb.SLOT_AVATAR]))).me_image


@pytest.mark.parametrize(
    "bad", [*UPLOADS.values(), *CREATIONS.values(), *READS.values()], ids=[*UPLOADS, *CREATIONS, *READS]
)
async def test_it_is_refused_with_its_reason_and_changes_nothing(
    alice: Person, owned: pb.MeImage, stored: Stored, bad: Bad
) -> None:
    before = await stored.rows(alice.user_id), stored.keys()
    answer = await refused(bad.call(alice, owned))
    assert (answer.code.name, answer.reason, answer.fields) == (bad.code, bad.reason, bad.fields)
    assert (await stored.rows(alice.user_id), stored.keys()) == before
    assert list((await alice.page()).me_images) == [owned]


@pytest.mark.parametrize("bad", UPLOADS.values(), ids=UPLOADS)
async def test_a_refused_upload_does_not_even_leave_a_user_behind(bob: Person, stored: Stored, bad: Bad) -> None:
    before = stored.keys()
    await refused(bad.call(bob, pb.MeImage()))
    assert await stored.rows(bob.user_id) == {}
    assert stored.keys() == before


async def test_a_media_of_another_user_is_as_absent_as_any(bob: Person, owned: pb.MeImage, stored: Stored) -> None:
    await bob.upload(pictures.jpeg())
    before = await stored.rows(bob.user_id)
    answers = []
    for media_id in (owned.media.media_id, str(uuid.uuid4())):
        request = rpc.CreateMeImageRequest(user_id=bob.user_id, media_id=media_id, new_me_image=face())
        answers.append(await refused(bob.stub.CreateMeImage(request, metadata=bob.metadata)))
    assert answers[0] == answers[1]
    assert answers[0].reason == "MEDIA_NOT_FOUND"
    assert await stored.rows(bob.user_id) == before


async def test_a_page_token_is_good_for_its_own_list_alone(alice: Person, bob: Person, owned: pb.MeImage) -> None:
    for person in (alice, bob):
        media = (await person.upload(pictures.jpeg())).media
        for _ in range(3):
            await person.create(media.media_id, face())
    token = (await alice.page(rpc.ListMeImagesRequest(page_size=2))).next_page_token
    elsewhere = [
        bob.page(rpc.ListMeImagesRequest(page_token=token)),
        alice.page(rpc.ListMeImagesRequest(page_token=token, kinds=[pb.KIND_FACE])),
        alice.page(rpc.ListMeImagesRequest(page_token=token, ai_reference_only=True)),
        alice.page(rpc.ListMeImagesRequest(page_token=token[:-1])),
        alice.page(rpc.ListMeImagesRequest(page_token=token.swapcase())),
    ]
    assert [(await refused(call)).reason for call in elsewhere] == ["INVALID_PAGE_TOKEN"] * 5
    assert owned in (await alice.page(rpc.ListMeImagesRequest(page_token=token))).me_images


@pytest.mark.parametrize("user_id", ["", "x" * 129, "a\0b", "a\nb"], ids=["empty", "129", "nul", "newline"])
async def test_a_user_id_that_nobody_has_is_a_bad_field_everywhere(alice: Person, user_id: str) -> None:
    some = str(uuid.uuid4())
    calls: list[Awaitable[object] | AsyncIterable[object]] = [
        alice.send(upload_messages(rpc.UploadHeader(user_id=user_id), pictures.png())),
        alice.stub.CreateMeImage(rpc.CreateMeImageRequest(user_id=user_id, media_id=some), metadata=alice.metadata),
        alice.stub.GetMeImage(rpc.GetMeImageRequest(user_id=user_id, me_image_id=some), metadata=alice.metadata),
        alice.stub.ListMeImages(rpc.ListMeImagesRequest(user_id=user_id), metadata=alice.metadata),
        alice.stub.DownloadMeImage(rpc.DownloadMeImageRequest(user_id=user_id), metadata=alice.metadata),
    ]
    answers = [await refused(call) for call in calls]
    assert {(answer.reason, answer.fields) for answer in answers} == {("INVALID_FIELDS", ("user_id",))}


async def test_a_refusal_repeats_nothing_that_was_sent(alice: Person, owned: pb.MeImage) -> None:
    canary = "canary-4711"
    request = rpc.GetMeImageRequest(user_id=alice.user_id, me_image_id=canary)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await alice.stub.GetMeImage(request, metadata=alice.metadata)
    assert canary not in repr(error.value) + repr(error.value.trailing_metadata())
    assert owned.me_image_id


async def test_a_method_that_does_not_exist_says_so(served: Served, alice: Person) -> None:
    unknown: RawCall = served.channel.unary_unary("/meimage.v1.MeImageService/DropEverything")
    answer = await refused(unknown(b"", metadata=alice.metadata))
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNIMPLEMENTED, "UNKNOWN_METHOD")


async def test_bytes_that_are_no_message_are_refused(served: Served, alice: Person, owned: pb.MeImage) -> None:
    for name in ("GetMeImage", "CreateMeImage", "ListMeImages"):
        call: RawCall = served.channel.unary_unary(f"/meimage.v1.MeImageService/{name}")
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(b"\xff\xff\xff", metadata=alice.metadata)
        assert error.value.code() in {grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT}
    assert await alice.get(owned.me_image_id) == owned


async def test_a_message_above_the_limit_of_the_wire_is_refused(alice: Person, stored: Stored) -> None:
    header = rpc.UploadHeader(user_id=alice.user_id)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await alice.send(upload_messages(header, bytes(4 * 1024 * 1024), chunk=4 * 1024 * 1024))
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await stored.rows(alice.user_id) == {}
    assert (await alice.upload(pictures.png())).media.media_id
