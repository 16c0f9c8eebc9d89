"""A server that is back is found at once: by a client that saw it away, and by a second client in the same program."""

import time
from collections.abc import AsyncIterator

import grpc
import meimage
import pytest
from meimage.v1 import me_image_service_pb2 as rpc

from tests.conftest import Served
from tests.people import new_user_id
from tests.proxy import Wire, wire_to
from tests.tokens import Issuer

PATIENT = meimage.Retries(attempts=1, reconnect_seconds=20.0)
"""Far more than the longest pause of the channel, so that a busy machine proves nothing."""


@pytest.fixture
async def wire(served: Served) -> AsyncIterator[Wire]:
    host, port = served.address.split(":")
    async with wire_to((host, int(port))) as wire:
        yield wire


@pytest.fixture
def user_id() -> str:
    return new_user_id()


@pytest.fixture
def token(issuer: Issuer, user_id: str) -> str:
    return issuer.user(user_id)


async def switch(client: meimage.Client, user_id: str) -> None:
    """Make a mutation, which is not made again by itself."""
    await client.pool.UpdateAiSettings(rpc.UpdateAiSettingsRequest(user_id=user_id, references_enabled=True))


async def away(client: meimage.Client, user_id: str) -> meimage.MeImageError:
    with pytest.raises(meimage.MeImageError) as lost:
        await switch(client, user_id)
    assert (lost.value.code, lost.value.reason) == (grpc.StatusCode.UNAVAILABLE, "")
    return lost.value


async def test_a_call_does_not_fail_from_memory(wire: Wire, user_id: str, token: str) -> None:
    async with meimage.connect(wire.endpoint, token, tls=None, retries=PATIENT) as client:
        await switch(client, user_id)
        await wire.cut()
        await away(client, user_id)
        await wire.join()
        await switch(client, user_id)


async def test_a_client_does_not_begin_with_the_failures_of_another(wire: Wire, user_id: str, token: str) -> None:
    impatient = meimage.Retries(attempts=1, reconnect_seconds=0.0)
    async with (
        meimage.connect(wire.endpoint, token, tls=None) as one,
        meimage.connect(wire.endpoint, token, tls=None, retries=impatient) as other,
    ):
        await wire.cut()
        await away(one, user_id)
        await wire.join()
        await switch(other, user_id)


async def test_whoever_waits_for_a_server_that_stays_away_hears_so(wire: Wire, user_id: str, token: str) -> None:
    retries = meimage.Retries(attempts=1, reconnect_seconds=0.3)
    async with meimage.connect(wire.endpoint, token, tls=None, retries=retries) as client:
        await wire.cut()
        await away(client, user_id)
        began = time.monotonic()
        assert "refused" in (await away(client, user_id)).message
        assert time.monotonic() - began >= retries.reconnect_seconds


async def test_no_call_waits_for_longer_than_it_may_take(wire: Wire, user_id: str, token: str) -> None:
    async with meimage.connect(wire.endpoint, token, tls=None, retries=PATIENT) as client:
        await wire.cut()
        await away(client, user_id)
        request = rpc.UpdateAiSettingsRequest(user_id=user_id, references_enabled=True)
        began = time.monotonic()
        with pytest.raises(meimage.MeImageError):
            await client.pool.UpdateAiSettings(request, timeout=0.2)
        assert time.monotonic() - began < PATIENT.reconnect_seconds / 2
