"""The server is killed at each step of a release: never a byte without an entry, and a retry gives one release."""

import asyncio
import hashlib
import random
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import grpc
import psutil
import pytest
from meimage.v1 import ledger_pb2
from meimage.v1 import reference_service_pb2 as rpc
from meimage.v1.reference_service_pb2_grpc import ReferenceServiceStub
from pydantic import SecretStr

from service.config import Settings
from tests import pictures, rules
from tests.chain import first_break
from tests.conftest import Serve, Served
from tests.dev_process import environment
from tests.faults.holding import Hold, Holding, Step
from tests.faults.load import EAGER
from tests.invariants import kept_whole
from tests.people import Person, new_user_id, person, refusal
from tests.proxy import socket_of, through, wire_to
from tests.releases import SCOPES, Studio, opted_in, whole
from tests.replay import replayed
from tests.serve_process import free_port, variables
from tests.stored import Stored
from tests.sweeping import swept
from tests.tokens import Issuer

SQUARE = "bytedance/seedream-4.5"
"""Takes jpeg-2048, which nothing makes ahead of its first release."""

TOGETHER, LARGE = 8, 2
STATEMENTS = 12 * TOGETHER
"""About how often these releases speak to the database in all."""

SMALL_WINDOW = [*EAGER, ("grpc.http2.lookahead_bytes", 1 << 16), ("grpc.http2.bdp_probe", 0)]
"""Of a channel whose caller takes little ahead of what is read: a server cannot get rid of a whole picture."""

PENDING = timedelta(minutes=61)


@dataclass
class Asking:
    """Somebody's release under one request_id, and what came of it before the server was gone."""

    who: Person
    request: rpc.ReleaseReferencesRequest
    messages: list[rpc.ReleaseReferencesResponse] = field(default_factory=list)
    reason: str = ""

    async def ask(self, studio: Studio, patience: "Patience | None" = None) -> None:
        """Ask, and keep what comes."""
        try:
            async for message in studio.messages(self.request):
                self.messages.append(message)
                if patience is not None and message.HasField("chunk"):
                    await patience.stop_reading()
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            # A server that is gone leaves no details.
            is_told = "grpc-status-details-bin" in dict(error.trailing_metadata() or ())
            self.reason = refusal(error).reason if is_told else "GONE"

    async def entries(self) -> list[ledger_pb2.LedgerEntry]:
        """Return the releases in the ledger, which is sound."""
        entries = await rules.entries(self.who)
        assert first_break(entries) is None
        replayed(entries)
        return [entry for entry in entries if entry.kind == ledger_pb2.LEDGER_KIND_REFERENCES_RELEASED]


class Patience:
    """Callers who stop reading at their first chunk, until they are let go on."""

    def __init__(self, callers: int) -> None:
        self._callers, self.all_wait, self.over = callers, asyncio.Event(), asyncio.Event()

    async def stop_reading(self) -> None:
        """Wait."""
        self._callers -= 1
        if self._callers <= 0:
            self.all_wait.set()
        await self.over.wait()


async def asking(served: Served, issuer: Issuer, count: int, photo: bytes) -> list[Asking]:
    """Return people with a photo that AI may use, each with a release to be asked for."""
    found = []
    for _ in range(count):
        user_id = new_user_id()
        who = person(served.channel, issuer.user(user_id), user_id)
        me_image_id = (await who.upload(photo, opted_in())).me_image.me_image_id
        request = rpc.ReleaseReferencesRequest(
            user_id=user_id, me_image_ids=[me_image_id], generator=SQUARE, request_id=str(uuid.uuid4())
        )
        found.append(Asking(who, request))
    await served.built.chores.done()
    return found


async def made_ahead(asked: list[Asking], studio: Studio) -> None:
    """Have the renditions made, by an earlier release of another request_id."""
    for each in asked:
        earlier = rpc.ReleaseReferencesRequest()
        earlier.CopyFrom(each.request)
        earlier.request_id = ""
        await whole(studio.messages(earlier))


@pytest.fixture
async def holding() -> Holding:
    return Holding()


@pytest.fixture
async def held_up(settings: Settings, holding: Holding) -> AsyncIterator[Settings]:
    """Settings of a server whose wires can be held up."""
    host, _, port = settings.s3_endpoint.partition(":")
    url = settings.database_url.get_secret_value()
    async with (
        wire_to(socket_of(url), holding.to_database) as database,
        wire_to((host, int(port)), holding.to_bucket) as bucket,
    ):
        changed = {"database_url": SecretStr(through(url, database)), "s3_endpoint": bucket.endpoint, "decoders": 1}
        yield settings.model_copy(update=changed)


@asynccontextmanager
async def victim(settings: Settings, folder: Path, issuer: Issuer) -> AsyncIterator[tuple[psutil.Process, Studio]]:
    """Run a server process that is killed at the end of the block at the latest, and give a way to it."""
    address = f"127.0.0.1:{free_port()}"
    own = variables(settings.model_copy(update={"address": address}))
    with (folder / "log.jsonl").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "serve"), cwd=folder, env=environment() | own, stderr=log
        )
    try:
        async with asyncio.timeout(120), grpc.aio.insecure_channel(address, options=SMALL_WINDOW) as channel:
            await channel.channel_ready()
            yield psutil.Process(process.pid), studio_at(channel, issuer)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def studio_at(channel: grpc.aio.Channel, issuer: Issuer) -> Studio:
    return Studio(issuer.service(*SCOPES, name="wardrobe"), ReferenceServiceStub(channel))


def came_as_entered(asked: Asking, entries: list[ledger_pb2.LedgerEntry]) -> None:
    """Check that whatever came is in the ledger: the release, and of each image that came whole the digest."""
    if not asked.messages:
        return
    (entry,) = [each for each in entries if each.release.release_id == asked.messages[0].release.release_id]
    (image,) = entry.release.images
    content = b"".join(message.chunk for message in asked.messages)
    if asked.messages[-1].HasField("end"):
        assert hashlib.sha256(content).hexdigest() == image.sha256
    assert len(content) <= asked.messages[0].release.images[0].size_bytes


async def retried_is_one(asked: Asking, studio: Studio, earlier: int) -> None:
    """Check that a retry gives a whole release, the one that may have begun, and that there is one in all."""
    again = await whole(studio.messages(asked.request))
    entries = (await asked.entries())[earlier:]
    assert [entry.release.release_id for entry in entries] == [again.release.release_id]
    assert again.release.ledger_hash == entries[0].hash
    if asked.messages:
        assert asked.messages[0].release == again.release
        sent = b"".join(message.chunk for message in asked.messages)
        assert again.images[0].startswith(sent)


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.ANY], ids=lambda step: step.name.lower())
async def test_a_server_killed_at_a_step(
    served: Served, held_up: Settings, holding: Holding, tmp_path: Path, issuer: Issuer, stored: Stored, step: Step
) -> None:
    survivor = studio_at(served.channel, issuer)
    asked = await asking(served, issuer, TOGETHER, pictures.jpeg(48, 32))
    is_made = step not in {Step.MAKE, Step.MADE}
    if is_made:
        await made_ahead(asked, survivor)
    async with victim(held_up, tmp_path, issuer) as (server, studio):
        holding.hold = Hold(step, TOGETHER)
        calls = [asyncio.create_task(each.ask(studio)) for each in asked]
        await holding.hold.reached.wait()
        server.kill()
        await asyncio.gather(*calls)
        holding.hold.over.set()
    for each in asked:
        entries = (await each.entries())[int(is_made) :]
        came_as_entered(each, entries)
        if step is not Step.TOLD:
            assert (each.reason, each.messages) == ("GONE", [])
            assert len(entries) == int(step is Step.COMMITTED)
        await retried_is_one(each, survivor, int(is_made))
    await swept(served, PENDING)
    await kept_whole(stored)


@pytest.mark.parametrize("kill", range(4))
async def test_a_server_killed_at_any_moment(
    served: Served,
    held_up: Settings,
    holding: Holding,
    tmp_path: Path,
    issuer: Issuer,
    stored: Stored,
    seeded: random.Random,
    kill: int,
) -> None:
    survivor = studio_at(served.channel, issuer)
    asked = await asking(served, issuer, TOGETHER, pictures.jpeg(48 + kill, 32))
    async with victim(held_up, tmp_path, issuer) as (server, studio):
        holding.hold = Hold(Step.ANY, seeded.randint(1, STATEMENTS))
        calls = [asyncio.create_task(each.ask(studio)) for each in asked]
        over: asyncio.Task[object] = asyncio.create_task(asyncio.wait(calls))
        reached: asyncio.Task[object] = asyncio.create_task(holding.hold.reached.wait())
        await asyncio.wait({over, reached}, return_when=asyncio.FIRST_COMPLETED)
        server.kill()
        await asyncio.gather(over, *calls)
        reached.cancel()
    for each in asked:
        came_as_entered(each, await each.entries())
        await retried_is_one(each, survivor, 0)
    await swept(served, PENDING)
    await kept_whole(stored)


async def test_a_server_killed_while_a_caller_has_stopped_reading(
    served: Served, settings: Settings, tmp_path: Path, issuer: Issuer, stored: Stored
) -> None:
    survivor = studio_at(served.channel, issuer)
    asked = await asking(served, issuer, LARGE, pictures.noise_jpeg(1400, 1400, quality=99))
    await made_ahead(asked, survivor)
    patience = Patience(LARGE)
    async with victim(settings, tmp_path, issuer) as (server, studio):
        calls = [asyncio.create_task(each.ask(studio, patience)) for each in asked]
        await patience.all_wait.wait()
        begun = [await each.entries() for each in asked]
        assert [len(entries) for entries in begun] == [2] * LARGE, "what is being read has its entry"
        server.kill()
        patience.over.set()
        await asyncio.gather(*calls)
    for each in asked:
        assert each.reason == "GONE"
        assert not each.messages[-1].HasField("end")
        came_as_entered(each, await each.entries())
        await retried_is_one(each, survivor, 1)
    await kept_whole(stored)


@pytest.mark.parametrize("step", [Step.ENTER, Step.COMMIT, Step.COMMITTED], ids=lambda step: step.name.lower())
async def test_a_database_that_goes_away_in_the_transaction(
    served: Served, serve: Serve, held_up: Settings, holding: Holding, issuer: Issuer, step: Step
) -> None:
    """Maybe committed is not committed: nothing is handed out, whatever the database has made of it."""
    changed = {"database_url": held_up.database_url, "s3_endpoint": held_up.s3_endpoint}
    async with serve(**changed) as other:
        studio = studio_at(other.channel, issuer)
        asked = await asking(served, issuer, TOGETHER, pictures.jpeg(48, 32))
        holding.hold = Hold(step, TOGETHER, at_once=True)
        await asyncio.gather(*(each.ask(studio) for each in asked))
        for each in asked:
            assert (each.reason, each.messages) == ("STORAGE_UNAVAILABLE", [])
            assert len(await each.entries()) == int(step is Step.COMMITTED)
        holding.hold = None
        for each in asked:
            await retried_is_one(each, studio, 0)
