"""A run of upkeep is bounded and goes on where the last one stopped; what cannot go holds up nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from service.adapters.metrics_upkeep import Outcome, UpkeepTally
from service.domain.callers import UPKEEP
from service.domain.errors import StorageUnavailable
from service.domain.model import UserId
from service.settled import retention
from service.usecases.erase import erase_user
from service.usecases.upkeep import Upkeep
from service.usecases.upkeep_run import Allowance
from service.usecases.world import World
from tests import pictures, rules
from tests.conftest import Serve, Served
from tests.faults.breaking import Breaking, away
from tests.own_place import Place, own_place
from tests.people import Person, face, new_user_id, person
from tests.sweeping import later
from tests.tokens import Issuer

A_DAY_LATER = timedelta(hours=25)


@dataclass(frozen=True)
class Crowded:
    """A place of its own with media that nobody uses, oldest first."""

    place: Place
    served: Served
    person: Person
    media_ids: list[str]

    @property
    def world(self) -> World:
        """The world, a day later."""
        return later(self.served.built.world, A_DAY_LATER)

    def upkeep(self, world: World, tally: UpkeepTally | None = None) -> Upkeep:
        return Upkeep(world, retention(self.served.settings), tally or UpkeepTally())

    async def left(self) -> list[str]:
        """Return the media that are still there, oldest first."""
        rows = await self.place.stored.database.fetch("SELECT media_id FROM media ORDER BY idle_since")
        return [str(row["media_id"]) for row in rows]


@asynccontextmanager
async def crowded(place: Place, serve: Serve, issuer: Issuer, media: int) -> AsyncIterator[Crowded]:
    async with place.serving(serve) as served:
        user_id = new_user_id()
        who = person(served.channel, issuer.user(user_id), user_id)
        uploaded = [await who.upload(pictures.jpeg(40 + number, 30)) for number in range(media)]
        yield Crowded(place, served, who, [each.media.media_id for each in uploaded])


@pytest.fixture
async def crowd(served: Served, serve: Serve, issuer: Issuer) -> AsyncIterator[Crowded]:
    async with own_place(served.settings) as place, crowded(place, serve, issuer, 7) as own:
        yield own


async def test_a_run_takes_its_allowance_and_the_next_goes_on(crowd: Crowded) -> None:
    upkeep = crowd.upkeep(crowd.world)
    reports = [await upkeep.run(Allowance(items=3)) for _ in range(3)]
    assert [(report.media, report.is_left) for report in reports] == [(3, True), (3, True), (1, False)]
    assert not crowd.place.stored.keys()


async def test_a_sweep_has_its_time(crowd: Crowded) -> None:
    """The clock is looked at once when a sweep begins and once before each item."""
    seconds = count()
    report = await crowd.upkeep(crowd.world).run(Allowance(seconds=3, monotonic=lambda: next(seconds)))
    assert (report.media, report.is_left) == (2, True)


async def test_it_ends_between_items_when_it_shall_stop(crowd: Crowded) -> None:
    looks = count()
    upkeep = crowd.upkeep(crowd.world)
    report = await upkeep.run(Allowance(is_over=lambda: next(looks) >= 2))
    assert (report.media, report.is_left) == (2, True)
    assert await crowd.left() == crowd.media_ids[2:]
    assert (await upkeep.run(Allowance())).media == 5


async def test_objects_that_cannot_go_hold_up_nothing(crowd: Crowded) -> None:
    """They are the oldest, and more than a run may take: each run would meet them first, and nothing else."""
    stuck = crowd.media_ids[:3]

    async def fail(key: str) -> None:
        if key.split("/")[1] in stuck:
            raise StorageUnavailable

    tally = UpkeepTally()
    world = crowd.world
    upkeep = crowd.upkeep(replace(world, objects=Breaking(world.objects, before_remove=fail)), tally)
    with capture_logs() as log:
        first = await upkeep.run(Allowance(items=2))
        assert (first.media, first.failed, first.is_left) == (0, 2, True)
        for _ in range(4):
            await upkeep.run(Allowance(items=2))
    assert await crowd.left() == stuck
    assert tally.removed_rows["media"] == 4
    assert tally.failures.keys() == {"media"}
    said = [each for each in log if each["event"] == "upkeep passed over"]
    assert [each["what"] for each in said] == ["media"]
    assert not any(media_id in str(said) for media_id in stuck)
    assert (await crowd.upkeep(world).run(Allowance())).media == 3


async def test_more_that_cannot_go_than_a_page_holds(crowd: Crowded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.usecases.upkeep.BATCH", 2)
    world = crowd.world
    broken = Breaking(world.objects, before_remove=away("original"))
    report = await crowd.upkeep(replace(world, objects=broken)).run(Allowance())
    assert (report.media, report.failed, report.is_left) == (0, 7, False)


async def test_a_broken_row_and_a_sweep_that_cannot_look(crowd: Crowded) -> None:
    """Whatever is raised, and be it a fault of ours."""
    world = crowd.world

    class Faulty:
        """The store, which cannot look for renditions, and trips over one media."""

        def __getattr__(self, name: str) -> object:
            return getattr(world.store, name)

        async def stale_renditions(self, *_: object) -> object:
            raise ValueError("a row that nobody expected")

    tally = UpkeepTally()
    report = await crowd.upkeep(replace(world, store=Faulty()), tally).run(Allowance())  # type: ignore[arg-type]
    assert (report.media, report.failed) == (7, 1)
    assert tally.failures == {"renditions": 1}


async def test_a_certificate_that_cannot_be_filed_holds_up_no_other(crowd: Crowded) -> None:
    world, people = crowd.world, [UserId(new_user_id()) for _ in range(3)]
    nowhere = replace(world, objects=Breaking(world.objects, before_put=away(".json")))
    for user_id in people:
        with pytest.raises(StorageUnavailable):
            await erase_user(nowhere, UPKEEP, user_id)
    report = await crowd.upkeep(nowhere).run(Allowance())
    assert (report.certificates, report.failed) == (0, 3)
    assert (await crowd.upkeep(world).run(Allowance())).certificates == 3


async def test_two_runs_at_once_do_no_harm(crowd: Crowded) -> None:
    """As when a turn was lost, and its holder has not noticed yet: each is told of no fault, and all of it goes."""
    kept = await crowd.person.upload(pictures.png(), face("kept"))
    deleted = await crowd.person.upload(pictures.jpeg(90, 90), face("deleted"))
    await rules.delete(crowd.person, deleted.me_image.me_image_id)
    world = later(crowd.served.built.world, timedelta(days=31))
    reports = await asyncio.gather(*(crowd.upkeep(world).run(Allowance()) for _ in range(3)))
    assert [(report.failed, report.is_left) for report in reports] == [(0, False)] * 3
    assert sum(report.me_images for report in reports) == 1
    assert await crowd.left() == [kept.media.media_id]
    assert len(crowd.place.stored.keys()) == 2
    assert (await crowd.person.download(kept.me_image.me_image_id))[1] == pictures.png()


async def test_a_store_that_is_away_ends_the_run_and_is_no_fault_of_one_thing(crowd: Crowded) -> None:
    world, tally = crowd.world, UpkeepTally()

    class Away(Breaking):
        async def ping(self) -> None:
            raise StorageUnavailable

    objects = Away(world.objects, before_remove=away("original"))
    with pytest.raises(StorageUnavailable):
        await crowd.upkeep(replace(world, objects=objects), tally).run(Allowance())
    assert not tally.failures
    state = await crowd.place.stored.database.fetchval(
        "SELECT state FROM media WHERE media_id = $1", UUID(crowd.media_ids[0])
    )
    assert state == "condemned"


async def test_the_log_tells_of_a_fault_again_once_there_was_none() -> None:
    tally = UpkeepTally()
    with capture_logs() as log:
        for is_clean in (False, False, True, False):
            if not is_clean:
                tally.failed("media", StorageUnavailable())
            tally.ended(Outcome.DONE, 1.0, 2.0)
    assert len(log) == 2
    assert (tally.runs[Outcome.DONE], tally.seconds, tally.succeeded_at) == (4, 4.0, 2.0)
