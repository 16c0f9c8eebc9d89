"""One process at a time runs upkeep on a database; whoever is killed leaves the turn to the next."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from service.adapters import upkeeper
from service.adapters.metrics_upkeep import Outcome, UpkeepTally
from service.adapters.postgres.turns import PostgresTurns
from service.adapters.upkeeper import Rhythm, Upkeeper, bounded
from service.commands import upkeep
from service.commands.upkept import upkept
from service.config import Settings
from service.domain.errors import StorageUnavailable
from service.settled import retention
from service.usecases.upkeep import Upkeep
from service.usecases.upkeep_run import Allowance
from tests import pictures
from tests.conftest import Serve, Served
from tests.dev_process import ended, service
from tests.faults.breaking import Breaking
from tests.own_place import Place, own_place
from tests.people import new_user_id, person
from tests.proxy import Tap, wire_to
from tests.scraping import scrape
from tests.serve_process import free_port, serving, variables
from tests.tokens import Issuer
from tests.waiting import until

SOON = 0.0005
"""Minutes between two runs: as good as at once."""
RUNS = "me_images_upkeep_runs_total"


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Place]:
    async with own_place(settings) as own:
        yield own


async def aged(place: Place, served: Served, issuer: Issuer, media: int = 1) -> None:
    """Upload what upkeep would remove at once."""
    user_id = new_user_id()
    who = person(served.channel, issuer.user(user_id), user_id)
    for number in range(media):
        await who.upload(pictures.jpeg(40 + number, 30))
    await place.stored.database.execute("UPDATE media SET idle_since = idle_since - interval '25 hours'")


def turns(place: Place) -> PostgresTurns:
    return PostgresTurns(place.settings.database_url.get_secret_value())


async def test_the_turn_is_one_processs_at_a_time(place: Place) -> None:
    async with turns(place).taken() as first:
        assert first is not None
        async with turns(place).taken() as second:
            assert second is None
        assert not first.is_lost
    async with turns(place).taken() as third:
        assert third is not None


async def test_a_turn_whose_connection_is_gone_is_lost_and_the_next_ones(place: Place) -> None:
    own = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'me-images upkeep'"
    async with turns(place).taken() as first:
        assert first is not None
        assert await place.stored.database.fetchval(f"{own} AND datname = current_database()")
        await until(lambda: first.is_lost)
        async with turns(place).taken() as second:
            assert second is not None


async def test_a_database_that_is_away_gives_no_turn() -> None:
    with pytest.raises(StorageUnavailable):
        async with PostgresTurns("postgresql://127.0.0.1:1/none").taken():
            pass


@dataclass
class Crossing:
    """Counts how many are between the removal of objects and the removal of their rows at once."""

    inside: int = 0
    most: int = 0
    keys: list[str] = field(default_factory=list)

    async def __call__(self, key: str) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.keys.append(key)
        for _ in range(20):
            await asyncio.sleep(0)
        self.inside -= 1


async def test_two_servers_take_turns(place: Place, serve: Serve, issuer: Issuer) -> None:
    """Each removes what it finds in its turn; never both at once, and nothing twice."""
    crossing, stop, rhythm = Crossing(), asyncio.Event(), Rhythm(0.001, lambda: 0.5, time.monotonic, soon=0.001)
    async with place.serving(serve) as served:
        await aged(place, served, issuer, 40)
        world = replace(served.built.world, objects=Breaking(served.built.world.objects, before_remove=crossing))
        tallies = [UpkeepTally(), UpkeepTally()]
        first, second = (
            Upkeeper(
                Upkeep(world, retention(served.settings), tally), turns(place), tally, world.clock, rhythm
            ).running(stop)
            for tally in tallies
        )
        async with first, second:
            await until(lambda: len(crossing.keys) == 40 and any(tally.runs[Outcome.ELSEWHERE] for tally in tallies))
            await until(lambda: sum(tally.removed_rows["media"] for tally in tallies) == 40)
    assert crossing.most == 1
    assert len(set(crossing.keys)) == 40
    assert not any(tally.failures or tally.runs[Outcome.FAILED] for tally in tallies)


@dataclass
class Hold(Tap):
    """Holds up what is asked while ``flowing`` is not set."""

    flowing: asyncio.Event
    reached: asyncio.Event

    async def asked(self, data: bytes) -> None:
        """A removal is a POST of several keys."""
        if b"POST " in data and not self.flowing.is_set():
            self.reached.set()
            await self.flowing.wait()


async def test_the_command_says_that_another_runs_and_a_killed_one_leaves_the_turn(
    place: Place, serve: Serve, issuer: Issuer, tmp_path: Path
) -> None:
    flowing, reached = asyncio.Event(), asyncio.Event()
    host, _, port = place.settings.s3_endpoint.rpartition(":")
    async with place.serving(serve) as served:
        await aged(place, served, issuer)
    async with wire_to((host, int(port)), lambda: Hold(flowing, reached)) as wire:
        held = variables(place.settings.model_copy(update={"s3_endpoint": wire.endpoint}))
        first = await service("upkeep", folder=tmp_path, **held)
        await reached.wait()
        status, out, err = await ended(await service("upkeep", folder=tmp_path, **variables(place.settings)))
        assert (status, out, err) == (os.EX_TEMPFAIL, "", upkeep.RUNS_ELSEWHERE)
        first.kill()
        await first.wait()
        await first.communicate()

    async def works() -> bool:
        return (await ended(await service("upkeep", folder=tmp_path, **variables(place.settings))))[0] == 0

    await until(works)
    assert not place.stored.keys()


async def test_ctrl_c_ends_the_command_after_its_item_and_the_next_does_the_rest(
    place: Place, serve: Serve, issuer: Issuer, tmp_path: Path
) -> None:
    flowing, reached = asyncio.Event(), asyncio.Event()
    host, _, port = place.settings.s3_endpoint.rpartition(":")
    async with place.serving(serve) as served:
        await aged(place, served, issuer, 5)
    async with wire_to((host, int(port)), lambda: Hold(flowing, reached)) as wire:
        held = variables(place.settings.model_copy(update={"s3_endpoint": wire.endpoint}))
        process = await service("upkeep", folder=tmp_path, **held)
        await reached.wait()
        process.send_signal(signal.SIGINT)
        flowing.set()
        status, out, err = await ended(process)
    assert (status, err) == (1, "")
    assert "1 unused media with 2 objects" in out
    status, out, _ = await ended(await service("upkeep", folder=tmp_path, **variables(place.settings)))
    assert (status, "4 unused media with 8 objects" in out) == (0, True)


async def test_a_long_run_of_the_command_tells_how_far_it_is(
    place: Place, serve: Serve, issuer: Issuer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "ITEMS", 2)
    async with place.serving(serve) as served:
        await aged(place, served, issuer, 5)
    assert await upkeep.upkeep(place.settings) == 0
    said = capsys.readouterr().out
    assert said.count("going on") == 2
    assert "5 unused media with 10 objects" in said.splitlines()[-1]


async def test_servers_run_it_by_themselves(place: Place, serve: Serve, issuer: Issuer, tmp_path: Path) -> None:
    async with place.serving(serve) as served:
        await aged(place, served, issuer, 3)
    address = f"127.0.0.1:{free_port()}"
    changed = {"upkeep": True, "upkeep_minutes": SOON, "metrics_address": address, "decoders": 1}
    async with serving(place.settings.model_copy(update=changed), tmp_path, workers=2) as (server, _):
        await until(lambda: not place.stored.keys())

        async def has_told() -> bool:
            try:
                pages = [await scrape(each) for each in (address, f"127.0.0.1:{int(address.split(':')[1]) + 1}")]
            except OSError:  # one of the two is a little later
                return False
            removed = [page.by("what", "me_images_upkeep_removed_total") for page in pages]
            total = {what: sum(each[what] for each in removed) for what in ("media", "objects")}
            runs = [page.by("outcome", RUNS) for page in pages]
            return total == {"media": 3, "objects": 6} and all(each["done"] >= 1 for each in runs)

        await until(has_told)
        server.send_signal(signal.SIGTERM)
    said = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert sum(each["media"] for each in said if each["event"] == "upkeep") == 3
    assert not [each for each in said if each["event"] in {"upkeep failed", "upkeep passed over"}]


async def test_what_a_server_counts(place: Place, serve: Serve, issuer: Issuer) -> None:
    address, stop = f"127.0.0.1:{free_port()}", asyncio.Event()
    async with place.serving(serve, metrics_address=address) as served:
        page = await scrape(address)
        assert page.by("outcome", RUNS) == {"done": 0, "left": 0, "failed": 0, "elsewhere": 0}
        assert page.value("me_images_upkeep_last_success_timestamp_seconds") == 0
        await aged(place, served, issuer)
        own = served.settings.model_copy(update={"upkeep": True, "upkeep_minutes": SOON})
        async with turns(place).taken(), upkept(own, served.built, stop):
            await until(lambda: served.built.parts.upkeep.runs[Outcome.ELSEWHERE] >= 1)
            page = await scrape(address)
            assert page.by("what", "me_images_upkeep_removed_total")["media"] == 0
        stop.clear()
        async with upkept(own, served.built, stop):
            await until(lambda: served.built.parts.upkeep.runs[Outcome.DONE] >= 1)
        page = await scrape(address)
        assert page.by("what", "me_images_upkeep_removed_total")["media"] == 1
        assert set(page.by("what", "me_images_upkeep_failures_total").values()) == {0}
        assert page.value("me_images_upkeep_last_success_timestamp_seconds") > 1.7e9
        assert 0 < page.value("me_images_upkeep_seconds_total") < 60


async def test_a_run_whose_turn_is_lost_ends_after_its_item(place: Place, serve: Serve, issuer: Issuer) -> None:
    own = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'me-images upkeep'"
    async with place.serving(serve) as served, turns(place).taken() as turn:
        assert turn is not None
        await aged(place, served, issuer, 3)

        async def lose(_key: str) -> None:
            await place.stored.database.fetchval(f"{own} AND datname = current_database()")
            await until(lambda: turn.is_lost)

        world = replace(served.built.world, objects=Breaking(served.built.world.objects, before_remove=lose))
        upkeep = Upkeep(world, retention(served.settings), UpkeepTally())
        report = await upkeep.run(bounded(turn, asyncio.Event(), time.monotonic))
        assert (report.media, report.is_left) == (1, True)


async def test_an_item_that_hangs_keeps_no_server_from_stopping(
    place: Place, serve: Serve, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeeper, "STOP_SECONDS", 0.1)
    reached, never = asyncio.Event(), asyncio.Event()

    async def hang(_key: str) -> None:
        reached.set()
        await never.wait()

    async with place.serving(serve) as served:
        await aged(place, served, issuer)
        tally, world = UpkeepTally(), served.built.world
        hanging = replace(world, objects=Breaking(world.objects, before_remove=hang))
        runs = Upkeep(hanging, retention(served.settings), tally)
        rhythm = Rhythm(0.001, lambda: 0.5, time.monotonic)
        async with asyncio.timeout(10):
            async with Upkeeper(runs, turns(place), tally, world.clock, rhythm).running(asyncio.Event()):
                await reached.wait()
        async with turns(place).taken() as turn:
            assert turn is not None, "the lock went with it"
        assert (await Upkeep(world, retention(served.settings), tally).run(Allowance())).media == 1


async def test_a_server_whose_stores_are_away_goes_on(place: Place, serve: Serve) -> None:
    stop = asyncio.Event()
    async with place.serving(serve) as served:
        tally, world = served.built.parts.upkeep, served.built.world
        nowhere = PostgresTurns("postgresql://127.0.0.1:1/none")
        rhythm = Rhythm(0.001, lambda: 0.5, time.monotonic)
        runs = Upkeep(world, retention(served.settings), tally)
        async with Upkeeper(runs, nowhere, tally, world.clock, rhythm).running(stop):
            await until(lambda: tally.runs[Outcome.FAILED] >= 2)
    assert tally.succeeded_at is None


def test_servers_that_start_together_spread() -> None:
    chances = iter([0.0, 1.0, 0.0, 1.0, 0.0])
    rhythm = Rhythm(600.0, lambda: next(chances), time.monotonic, soon=5.0)
    assert [rhythm.first(), rhythm.first()] == [0.0, 600.0]
    assert [rhythm.next(is_left=False), rhythm.next(is_left=False)] == pytest.approx([540.0, 660.0])
    assert rhythm.next(is_left=True) == pytest.approx(4.5)


async def test_it_can_be_left_to_the_command(place: Place, serve: Serve) -> None:
    async with place.serving(serve) as served, upkept(served.settings, served.built, asyncio.Event()):
        assert not served.settings.upkeep
        assert not served.built.parts.upkeep.runs
