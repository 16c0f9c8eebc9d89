"""Whatever is killed while people decide, a watcher who comes back has seen every event, once and in order."""

import random
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest

from service.config import Settings
from tests import rules
from tests.conftest import Served
from tests.faults.load import EAGER, Returner, Writer, returning, writing
from tests.invariants import sound
from tests.people import new_user_id, person
from tests.proxy import wire_to
from tests.serve_process import serving, workers_of
from tests.stored import Stored
from tests.succession import succession
from tests.tokens import Issuer
from tests.waiting import until
from tests.watching import watching

CONNECTION_KILLS, PROCESS_KILLS, WORKER_KILLS, MOST_WORKER_KILLS, WRITERS = 50, 50, 4, 40, 3


async def writers_at(address: str, issuer: Issuer, chance: random.Random, stack: AsyncExitStack) -> list[Writer]:
    """Return people with a channel of their own."""
    made = []
    for _ in range(WRITERS):
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address, options=EAGER))
        user_id = new_user_id()
        made.append(Writer(channel, person(channel, issuer.user(user_id), user_id), chance))
    return made


def watchers_at(address: str, issuer: Issuer, writers: list[Writer], token: str) -> list[Returner]:
    """Return one who watches the first writer, and one who watches all."""
    first = writers[0].who
    return [
        Returner(address, first.token, first.user_id),
        Returner(address, issuer.service("me_images.watch"), "", token),
    ]


async def all_seen(watchers: list[Returner], writers: list[Writer], stored: Stored) -> None:
    """Wait until the watchers have seen all that was committed, and check that it is that and no more."""
    for who in [writer.who for writer in writers]:
        whole = await rules.events(who)
        await sound(who, stored.database)
        for watcher in watchers:
            if watcher.user_id in {"", who.user_id}:
                await watcher.sees(len(whole) - len(watcher.seen_of(who)))
                assert watcher.seen_of(who) == whole


@pytest.fixture
async def start(served: Served, issuer: Issuer) -> str:
    """A token before everything that this test does."""
    watchman = person(served.channel, issuer.service("me_images.watch"), "")
    async with watching(watchman) as watch:
        return watch.token


async def test_fifty_kills_of_the_connection(
    served: Served, issuer: Issuer, stored: Stored, start: str, seeded: random.Random
) -> None:
    host, _, port = served.address.partition(":")
    async with AsyncExitStack() as stack:
        writers = await writers_at(served.address, issuer, seeded, stack)
        async with wire_to((host, int(port))) as wire:
            watchers = watchers_at(wire.endpoint, issuer, writers, start)
            async with returning(*watchers):
                async with writing(writers):
                    for kill in range(CONNECTION_KILLS):
                        for watcher in watchers:
                            await watcher.is_on()
                            await watcher.sees(seeded.randint(0, 3))
                        await wire.cut()
                        for watcher in watchers:
                            await watcher.is_over(kill + 1)
                        await wire.join()
                await all_seen(watchers, writers, stored)


async def test_fifty_kills_of_the_server_process(
    settings: Settings, tmp_path: Path, issuer: Issuer, stored: Stored, start: str, seeded: random.Random
) -> None:
    async with succession(settings, tmp_path) as (servers, address), AsyncExitStack() as stack:
        writers = await writers_at(address, issuer, seeded, stack)
        watchers = watchers_at(address, issuer, writers, start)
        async with returning(*watchers):
            async with writing(writers):
                for _ in range(PROCESS_KILLS):
                    for watcher in watchers:
                        await watcher.is_on()
                        await watcher.sees(seeded.randint(0, 3))
                    ends = [watcher.ends for watcher in watchers]
                    await servers.kill()
                    for watcher, before in zip(watchers, ends, strict=True):
                        await watcher.is_over(before + 1)
            await all_seen(watchers, writers, stored)
        assert sum(writer.decisions for writer in writers) > PROCESS_KILLS


async def test_kills_of_workers_that_share_the_port(
    settings: Settings, tmp_path: Path, issuer: Issuer, stored: Stored, start: str, seeded: random.Random
) -> None:
    async with serving(settings, tmp_path, workers=2) as (server, address), AsyncExitStack() as stack:
        writers = await writers_at(address, issuer, seeded, stack)
        watchers = watchers_at(address, issuer, writers, start)
        async with returning(*watchers):
            async with writing(writers):
                for kill in range(MOST_WORKER_KILLS):
                    if kill >= WORKER_KILLS and all(watcher.ends for watcher in watchers):
                        break  # each of them has been on a worker that was killed
                    await until(lambda: len(workers_of(server)) == 2)
                    await writers[0].decides(seeded.randint(2, 20))
                    await watchers[0].is_on()
                    victim = seeded.choice(workers_of(server))
                    victim.kill()
                    victim.wait(10)
            await all_seen(watchers, writers, stored)
        assert min(watcher.ends for watcher in watchers) > 0
