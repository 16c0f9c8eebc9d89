"""Callers who stop sending, stop reading or vanish: what they held is free again, and nothing half is left."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TypeAlias

import grpc
import pytest
from meimage.v1 import me_image_service_pb2 as rpc

from service.rpc import budget
from service.rpc.methods import ME_IMAGE_SERVICE
from tests import pictures
from tests.conftest import Serve, Served
from tests.people import Person, face, new_user_id, person, refused, upload_messages
from tests.proxy import wire_to
from tests.stored import Stored
from tests.sweeping import swept
from tests.tokens import Issuer

MIB = 1024 * 1024
LARGE = pictures.jpeg() + bytes(9 * MIB)
BodilessCall: TypeAlias = "grpc.aio.StreamUnaryMultiCallable[bytes, bytes]"


@pytest.fixture(scope="module")
async def impatient(serve: Serve) -> AsyncIterator[Served]:
    """A server that waits half a second for a message, and has room for one large transfer."""
    async with serve(body_timeout_seconds=0.5, transfer_mib=10) as running:
        yield running


@pytest.fixture
def carol(impatient: Served, issuer: Issuer) -> Person:
    user_id = new_user_id()
    return person(impatient.channel, issuer.user(user_id), user_id)


def header_of(who: Person) -> rpc.UploadMeImageRequest:
    return rpc.UploadMeImageRequest(header=rpc.UploadHeader(user_id=who.user_id, new_me_image=face()))


@pytest.mark.parametrize("parts", [0, 1, 2, 4], ids=lambda parts: f"{parts} messages")
async def test_an_upload_that_stalls_is_given_up(carol: Person, stored: Stored, parts: int) -> None:
    messages = [header_of(carol), *(rpc.UploadMeImageRequest(chunk=part) for part in (b"\xff\xd8\xff", b"a", b"b"))]
    call = carol.stub.UploadMeImage(metadata=carol.metadata, timeout=10)
    for message in messages[:parts]:
        await call.write(message)
    answer = await refused(call)
    assert (answer.code, answer.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "UPLOAD_STALLED")
    assert await stored.rows(carol.user_id) == {}


@pytest.mark.parametrize("method", ["CreateMeImage", "GetMeImage", "ListMeImages", "DownloadMeImage"])
async def test_a_call_whose_body_never_comes_is_given_up(impatient: Served, carol: Person, method: str) -> None:
    """On the wire a call without a body is the same whatever its shape."""
    call: BodilessCall = impatient.channel.stream_unary(f"/{ME_IMAGE_SERVICE}/{method}")
    answer = await refused(call(metadata=carol.metadata, timeout=10))
    assert (answer.code, answer.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "UPLOAD_STALLED")


async def test_a_stalled_upload_gives_its_memory_back(carol: Person) -> None:
    call = carol.stub.UploadMeImage(metadata=carol.metadata, timeout=10)
    await call.write(header_of(carol))
    async with asyncio.timeout(10):
        waiting = asyncio.create_task(carol.upload(LARGE, face("large")))
        assert (await refused(call)).reason == "UPLOAD_STALLED"
        assert (await waiting).me_image.label == "large"


async def test_a_caller_who_does_not_read_gives_its_memory_back(carol: Person) -> None:
    made = (await carol.upload(LARGE, face())).me_image
    request = rpc.DownloadMeImageRequest(user_id=carol.user_id, me_image_id=made.me_image_id)
    unread = carol.stub.DownloadMeImage(request, metadata=carol.metadata, timeout=20)
    assert (await anext(aiter(unread))).HasField("header")
    async with asyncio.timeout(15):
        _, content = await carol.download(made.me_image_id)
    assert content == LARGE
    with pytest.raises(grpc.aio.AioRpcError) as error:
        [answer async for answer in unread]
    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_caller_who_does_not_read_goes_sooner_when_somebody_waits(
    serve: Serve, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "STILL_SECONDS", 0.2)
    async with serve(body_timeout_seconds=60, transfer_mib=10) as running:
        users = [new_user_id() for _ in range(2)]
        still, reader = (person(running.channel, issuer.user(user_id), user_id) for user_id in users)
        made = [(await who.upload(LARGE, face())).me_image.me_image_id for who in (still, reader)]
        request = rpc.DownloadMeImageRequest(user_id=still.user_id, me_image_id=made[0])
        unread = still.stub.DownloadMeImage(request, metadata=still.metadata, timeout=60)
        assert (await anext(aiter(unread))).HasField("header")
        async with asyncio.timeout(15):
            assert (await reader.download(made[1]))[1] == LARGE


async def test_an_upload_that_trickles_has_an_end(serve: Serve, issuer: Issuer, stored: Stored) -> None:
    async with serve(body_timeout_seconds=5, stream_timeout_seconds=0.5) as running:
        user_id = new_user_id()
        slow = person(running.channel, issuer.user(user_id), user_id)

        async def trickle() -> AsyncIterator[rpc.UploadMeImageRequest]:
            yield header_of(slow)
            while True:
                await asyncio.sleep(0.05)  # the pace of this caller, not a wait
                yield rpc.UploadMeImageRequest(chunk=b"x")

        call = slow.stub.UploadMeImage(trickle(), metadata=slow.metadata, timeout=10)
        answer = await refused(call)
        assert (answer.code, answer.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "TOO_SLOW")
        assert await stored.rows(user_id) == {}


async def test_a_caller_who_vanishes_leaves_all_or_nothing(
    served: Served, issuer: Issuer, stored: Stored, seeded: random.Random
) -> None:
    """The photos would decode wherever they are cut, and nothing was announced of their bytes."""
    user_id = new_user_id()
    host, _, port = served.address.partition(":")
    photos = [pictures.jpeg(60 + number, 50) + bytes(3 * MIB) for number in range(20)]
    for photo in photos:
        async with wire_to((host, int(port))) as wire, grpc.aio.insecure_channel(wire.endpoint) as channel:
            who = person(channel, issuer.user(user_id), user_id)
            messages = [header_of(who), *upload_messages(rpc.UploadHeader(), photo, chunk=64 * 1024)[1:]]
            upload = asyncio.create_task(who.send(messages))
            await asyncio.wait([upload], timeout=seeded.uniform(0, 0.1))
            await wire.cut()
            await asyncio.gather(upload, return_exceptions=True)
    await swept(served, after=timedelta(hours=2))
    states = await stored.media_states(user_id)
    assert states == ["ready"] * len(states)
    assert (await stored.rows(user_id)).get("me_images", 0) == len(states)
    assert len(await stored.keys_of(user_id)) == 2 * len(states)
    survivor = person(served.channel, issuer.user(user_id), user_id)
    for me_image in (await survivor.page()).me_images:
        assert (await survivor.download(me_image.me_image_id))[1] in photos


async def test_a_caller_who_vanishes_in_the_middle_leaves_nothing(
    served: Served, issuer: Issuer, stored: Stored
) -> None:
    user_id, before = new_user_id(), stored.keys()
    async with grpc.aio.insecure_channel(served.address) as channel:
        who = person(channel, issuer.user(user_id), user_id)
        call = who.stub.UploadMeImage(metadata=who.metadata)
        await call.write(header_of(who))
        await call.write(rpc.UploadMeImageRequest(chunk=LARGE[:MIB]))
    await swept(served, after=timedelta(hours=2))
    assert await stored.rows(user_id) == {}
    assert stored.keys() <= before
