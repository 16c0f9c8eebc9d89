"""Beyond a bound callers are refused at once, and told when to come back; health and reads go on."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeAlias
from uuid import UUID

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from meimage.v1 import me_image_service_pb2 as rpc
from meimage.v1 import reference_service_pb2 as releases

from service.domain.callers import USER_SCOPES, Caller, CallerKind
from service.domain.model import MeImageId, Rendition, UserId
from service.rpc import arrivals
from service.rpc.methods import ME_IMAGE_SERVICE
from service.usecases.download import Wish, find_download
from service.usecases.renditions import MAKING_BYTES
from tests import pictures
from tests.conftest import Serve, Served
from tests.people import Person, Refusal, bearer, face, new_user_id, person, refused, upload_messages
from tests.releases import opted_in, studio
from tests.rpc.calls import Call
from tests.scraping import scrape
from tests.serve_process import free_port
from tests.tokens import Issuer
from tests.waiting import until
from tests.watching import watching

MIB = 1024 * 1024
LARGE = pictures.jpeg() + bytes(9 * MIB)
PROMPT = pictures.jpeg() + bytes(arrivals.FIRST_BYTES)
"""Needs room, and is sent whole before it is refused: grpcio's client may lose a refusal while it still sends."""

BodilessCall: TypeAlias = "grpc.aio.StreamUnaryMultiCallable[bytes, bytes]"
RawCall: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"
RETRYING = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.001s",
                "maxBackoff": "0.001s",
                "backoffMultiplier": 1,
                "retryableStatusCodes": ["RESOURCE_EXHAUSTED"],
            },
        }
    ]
}
"""gRPC's own retries; without the server's word, all of them within milliseconds."""


def somebody(served: Served, issuer: Issuer) -> Person:
    user_id = new_user_id()
    return person(served.channel, issuer.user(user_id), user_id)


async def is_healthy(served: Served) -> bool:
    stub = health_pb2_grpc.HealthStub(served.channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@asynccontextmanager
async def stalling(who: Person, photo: bytes = LARGE[:MIB]) -> AsyncIterator[None]:
    """Upload a part of a photo and then say no more, until the block ends."""
    call = who.stub.UploadMeImage(metadata=who.metadata)
    try:
        for message in upload_messages(rpc.UploadHeader(user_id=who.user_id), photo):
            await call.write(message)
        yield
    finally:
        call.cancel()


def assert_hinted(answer: Refusal, reason: str, least: float) -> None:
    assert (answer.code, answer.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, reason)
    assert least <= answer.retry_seconds <= least + 2


@pytest.fixture(scope="module")
async def narrow(serve: Serve) -> AsyncIterator[tuple[Served, str]]:
    """A server with room for one large photo, where nobody waits for room; and where it tells metrics."""
    address = f"127.0.0.1:{free_port()}"
    async with serve(transfer_mib=10, transfer_line_mib=0, metrics_address=address) as running:
        yield running, address


async def test_without_room_transfers_are_refused_and_everything_else_goes_on(
    narrow: tuple[Served, str], issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "LULL_SECONDS", 60.0)  # the stalled one keeps its place until it ends
    served, metrics = narrow
    alice, backend = somebody(served, issuer), studio(served, issuer)
    made = (await alice.upload(pictures.jpeg(), opted_in())).me_image.me_image_id
    large = (await alice.upload(LARGE, face())).me_image.me_image_id
    asked = releases.ReleaseReferencesRequest(
        user_id=alice.user_id, me_image_ids=[made], generator="openai/gpt-image-2", purpose="try-on"
    )

    async def holds(size: float) -> bool:
        return (await scrape(metrics)).value("me_images_transfer_bytes", state="whole") == size

    async with stalling(somebody(served, issuer)):
        await until(lambda: holds(10 * MIB))
        calls: list[Callable[[], Call]] = [
            lambda: alice.upload(PROMPT, face()),
            lambda: alice.download(large),
            lambda: backend.messages(asked),
        ]
        for call in calls:
            async with asyncio.timeout(5):
                assert_hinted(await refused(call()), "OVERLOADED", 1)
        assert await is_healthy(served)
        assert (await alice.get(made)).me_image_id == made
    await until(lambda: holds(0))
    assert (await alice.download(large))[1] == LARGE
    assert (await scrape(metrics)).by("reason", "me_images_refusals_total") == {"OVERLOADED": 3}


async def test_a_rendition_that_is_made_has_its_place_in_memory(alice: Person, served: Served) -> None:
    """Its photo is in memory meanwhile; of one that there is, nothing is until it is fetched."""
    made = (await alice.upload(pictures.jpeg(), face())).me_image
    caller = Caller(CallerKind.USER, alice.user_id, USER_SCOPES)
    wish = Wish(caller, UserId(alice.user_id), MeImageId(UUID(made.me_image_id)), Rendition.JPEG_2048)
    held: list[int] = []

    @asynccontextmanager
    async def hold(size: int) -> AsyncIterator[None]:
        held.append(size)
        yield

    first = await find_download(served.built.world, wish, hold)
    assert (await find_download(served.built.world, wish, hold)).variant == first.variant
    assert held == [made.media.size_bytes + MAKING_BYTES]


async def test_watchers_are_bounded_in_all_and_for_each_caller(serve: Serve, issuer: Issuer) -> None:
    async with serve(max_watchers=3, max_watchers_per_caller=2) as served, AsyncExitStack() as stack:
        alice, bob, carol = (somebody(served, issuer) for _ in range(3))
        for who in (alice, alice, bob):
            await stack.enter_async_context(watching(who))
        async with asyncio.timeout(5):
            for who in (alice, bob, carol):
                request = rpc.WatchMeImagesRequest(user_id=who.user_id)
                assert_hinted(await refused(who.stub.WatchMeImages(request, metadata=who.metadata)), "OVERLOADED", 1)
        assert (await alice.page()).me_images == []
        await stack.aclose()
        await until(lambda: served.built.parts.bell.watchers == 0)
        async with watching(carol), watching(carol):
            pass


async def test_a_caller_has_so_many_calls_at_once_and_so_many_a_second(serve: Serve, issuer: Issuer) -> None:
    async with serve(calls_per_second=0.1, calls_burst=3) as served:
        alice, bob = somebody(served, issuer), somebody(served, issuer)
        for _ in range(3):
            await alice.page()
        assert_hinted(await refused(alice.page()), "RATE_LIMITED", 9)
        bodiless: BodilessCall = served.channel.stream_unary(f"/{ME_IMAGE_SERVICE}/GetMeImage")
        async with asyncio.timeout(5):
            assert (await refused(bodiless(metadata=alice.metadata))).reason == "RATE_LIMITED"
        assert (await bob.page()).me_images == []
        assert all([await is_healthy(served) for _ in range(20)])
        service = issuer.service("me_images.read", "me_images.on_behalf", name="backend")
        for who in (alice, bob, alice):
            request = rpc.ListMeImagesRequest(user_id=who.user_id)
            await alice.stub.ListMeImages(request, metadata=bearer(service))
        answer = await refused(alice.stub.ListMeImages(request, metadata=bearer(service)))
        assert answer.reason == "RATE_LIMITED", "the caller counts, and not whom it names"


async def test_transfers_have_a_rate_of_their_own(serve: Serve, issuer: Issuer) -> None:
    async with serve(transfers_per_second=0.1, transfers_burst=2) as served:
        alice = somebody(served, issuer)
        made = (await alice.upload(pictures.jpeg(), face())).me_image.me_image_id
        await alice.download(made)
        assert_hinted(await refused(alice.upload(pictures.png(), face())), "RATE_LIMITED", 9)
        for _ in range(20):
            await alice.get(made)


async def test_grpcs_own_retries_come_when_they_are_told(serve: Serve, issuer: Issuer) -> None:
    options = [("grpc.service_config", json.dumps(RETRYING))]
    async with (
        serve(calls_per_second=5, calls_burst=1) as served,
        grpc.aio.insecure_channel(served.address, options=options) as channel,
    ):
        user_id = new_user_id()
        eager = person(channel, issuer.user(user_id), user_id)
        for _ in range(3):
            assert (await eager.page()).me_images == []


async def test_calls_at_once_are_bounded_and_health_goes_on(serve: Serve, issuer: Issuer) -> None:
    async with serve(max_calls=5) as served, AsyncExitStack() as stack:
        alice = somebody(served, issuer)
        for _ in range(5):
            await stack.enter_async_context(watching(alice))
        async with asyncio.timeout(5):
            assert_hinted(await refused(alice.page()), "OVERLOADED", 1)
        assert await is_healthy(served)
        await stack.aclose()

        async def answers() -> bool:
            try:
                return not (await alice.page()).me_images
            except grpc.aio.AioRpcError:
                return False

        await until(answers)


@pytest.mark.parametrize("method", ["GetMeImage", "ListMeImages", "UploadMeImage", "WatchMeImages"])
async def test_bytes_that_are_no_message_are_refused_with_a_reason(alice: Person, served: Served, method: str) -> None:
    call: RawCall = served.channel.unary_unary(f"/{ME_IMAGE_SERVICE}/{method}")
    answer = await refused(call(b"\xff" * 20, metadata=alice.metadata))
    assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
