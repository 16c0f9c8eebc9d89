"""Health: NOT_SERVING while Postgres or the object store is away, and back by itself."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import SecretStr

from service.adapters.postgres.bell import PostgresBell
from service.adapters.postgres.pulse import Pulse
from service.config import Settings
from service.domain.errors import StorageUnavailable
from service.rpc import health
from tests import pictures
from tests.conftest import Serve, Served
from tests.people import Person, face, new_user_id, person, refused
from tests.proxy import Wire, socket_of, through, wire_to
from tests.tokens import Issuer
from tests.waiting import until

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = ("", "meimage.v1.MeImageService")


@dataclass(frozen=True)
class Wired:
    """A server whose wires can be cut, and somebody with a me-image."""

    served: Served
    wires: dict[str, Wire]
    caller: Person
    me_image_id: str

    async def is_status(self, status: int) -> bool:
        stub = health_pb2_grpc.HealthStub(self.served.channel)
        answers = [await stub.Check(health_pb2.HealthCheckRequest(service=name)) for name in SERVICES]
        return all(answer.status == status for answer in answers)

    async def becomes(self, status: int) -> None:
        async def is_it() -> bool:
            return await self.is_status(status)

        await until(is_it)


@asynccontextmanager
async def wired(settings: Settings, serve: Serve, issuer: Issuer) -> AsyncIterator[Wired]:
    """Run a server behind wires."""
    host, _, port = settings.s3_endpoint.partition(":")
    database_url = settings.database_url.get_secret_value()
    async with wire_to(socket_of(database_url)) as database, wire_to((host, int(port))) as objects:
        wired_url = SecretStr(through(database_url, database))
        async with serve(database_url=wired_url, s3_endpoint=objects.endpoint) as served:
            user_id = new_user_id()
            caller = person(served.channel, issuer.user(user_id), user_id)
            made = (await caller.upload(pictures.png(), face())).me_image
            yield Wired(served, {"database": database, "objects": objects}, caller, made.me_image_id)


@pytest.fixture
async def behind_wires(
    settings: Settings, serve: Serve, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Wired]:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    async with wired(settings, serve, issuer) as running:
        yield running


@pytest.mark.parametrize("away", ["database", "objects"])
async def test_it_follows_what_the_service_needs(behind_wires: Wired, away: str) -> None:
    assert await behind_wires.is_status(SERVING)
    for _ in range(2):
        await behind_wires.wires[away].cut()
        await behind_wires.becomes(NOT_SERVING)
        await behind_wires.wires[away].join()
        await behind_wires.becomes(SERVING)
        assert (await behind_wires.caller.download(behind_wires.me_image_id))[1] == pictures.png()


@pytest.mark.parametrize("away", ["database", "objects"])
async def test_a_call_meanwhile_is_told_to_come_back(behind_wires: Wired, away: str) -> None:
    caller = behind_wires.caller
    await behind_wires.wires[away].cut()
    photo = pictures.jpeg(70, 70)
    answer = await refused(caller.upload(photo, face("later")))
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE")
    if away == "database":
        assert (await refused(caller.get(behind_wires.me_image_id))).reason == "STORAGE_UNAVAILABLE"
    else:
        assert (await caller.get(behind_wires.me_image_id)).me_image_id == behind_wires.me_image_id
        assert (await refused(caller.download(behind_wires.me_image_id))).reason == "STORAGE_UNAVAILABLE"
    await behind_wires.wires[away].join()
    assert (await caller.upload(photo, face("later"))).me_image.label == "later"


async def test_a_watcher_is_told_of_every_change(behind_wires: Wired) -> None:
    stub = health_pb2_grpc.HealthStub(behind_wires.served.channel)
    watching = stub.Watch(health_pb2.HealthCheckRequest(), timeout=20)
    assert (await watching.read()).status == SERVING
    await behind_wires.wires["objects"].cut()
    assert (await watching.read()).status == NOT_SERVING
    await behind_wires.wires["objects"].join()
    assert (await watching.read()).status == SERVING
    watching.cancel()


async def test_a_server_whose_connections_are_all_at_work_is_healthy(
    serve: Serve, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    async with serve(database_connections=2) as served, AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(served.built.store.database.connection())
        answers = 0

        async def counted() -> None:
            nonlocal answers
            await ping()
            answers += 1

        ping = served.built.parts.bell.ping
        monkeypatch.setattr(served.built.parts.bell, "ping", counted)
        await until(lambda: answers >= 3)
        stub = health_pb2_grpc.HealthStub(served.channel)
        assert (await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)).status == SERVING
        await stack.aclose()
        user_id = new_user_id()
        assert (await person(served.channel, issuer.user(user_id), user_id).page()).me_images == []


async def test_the_database_is_there_while_the_bell_is_hung_anew(served: Served) -> None:
    unhung = PostgresBell()
    with pytest.raises(StorageUnavailable):
        await unhung.ping()
    await Pulse(unhung, served.built.store).ping()


async def test_it_needs_no_token_and_knows_its_services(served: Served) -> None:
    stub = health_pb2_grpc.HealthStub(served.channel)
    for name in SERVICES:
        assert (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status == SERVING
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.Check(health_pb2.HealthCheckRequest(service="meimage.v1.Unknown"))
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
