"""A watch ends with its token, and with its server: at once, with a reason, and resumable."""

import time
from contextlib import AsyncExitStack

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.adapters.tokens import CLOCK_SKEW_SECONDS
from service.rpc.server import GRACE_SECONDS
from tests import rules
from tests.conftest import Serve, Served
from tests.people import Refusal, new_user_id, person, refusal
from tests.tokens import Issuer
from tests.watching import Watch, watching


async def ended(watch: Watch) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await watch.until(10**9)
    return refusal(error.value)


async def test_a_watch_does_not_outlive_its_token(served: Served, issuer: Issuer) -> None:
    user_id = new_user_id()
    expires = int(time.time()) - CLOCK_SKEW_SECONDS + 2
    short = person(served.channel, issuer.user(user_id, exp=expires), user_id)
    async with watching(short) as watch:
        answer = await ended(watch)
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    renewed = person(served.channel, issuer.user(user_id), user_id)
    await rules.switch(renewed, enabled=False)
    async with watching(renewed, watch.token) as again:
        assert len(await again.until(1)) == 1


async def test_a_server_that_stops_ends_its_watches_at_once(serve: Serve, issuer: Issuer) -> None:
    user_id = new_user_id()
    async with AsyncExitStack() as stack:
        stopping = await stack.enter_async_context(serve())
        async with (
            grpc.aio.insecure_channel(stopping.address) as channel,
            watching(person(channel, issuer.user(user_id), user_id)) as watch,
        ):
            began = time.monotonic()
            await stack.aclose()
            answer = await ended(watch)
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING")
    assert time.monotonic() - began < GRACE_SECONDS / 2


async def test_those_who_watch_its_health_are_told_and_hold_nothing_up(serve: Serve) -> None:
    async with AsyncExitStack() as stack:
        stopping = await stack.enter_async_context(serve())
        async with grpc.aio.insecure_channel(stopping.address) as channel:
            watching_health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            assert (await watching_health.read()).status == health_pb2.HealthCheckResponse.SERVING
            began = time.monotonic()
            await stack.aclose()
            assert (await watching_health.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            assert await watching_health.code() is not grpc.StatusCode.OK
    assert time.monotonic() - began < GRACE_SECONDS / 2
