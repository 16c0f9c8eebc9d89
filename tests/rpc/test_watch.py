"""WatchMeImages: at once, in order, without a gap, and only for as long as the watcher reads."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb

from service.adapters.postgres.bell import PostgresBell
from service.domain.callers import Caller, CallerKind
from service.domain.events import AiSettingsChanged, Event
from service.domain.model import UserId
from service.usecases import events as use_case
from tests import rules
from tests.conftest import Serve, Served
from tests.people import Person, new_user_id, person, refusal
from tests.stored import Stored
from tests.tokens import Issuer
from tests.waiting import until
from tests.watching import watching

MANY = 20_000
SOMEBODY = Caller(CallerKind.SERVICE, "tests", frozenset())


@pytest.fixture(scope="module")
async def impatient(serve: Serve) -> AsyncIterator[Served]:
    """A server that waits 0.5 seconds for a watcher to read."""
    async with serve(body_timeout_seconds=0.5) as running:
        yield running


def watchers(served: Served) -> int:
    bell = served.built.world.bell
    assert isinstance(bell, PostgresBell)
    return bell.watchers


async def test_the_first_message_comes_at_once_and_says_that_it_is_alive(alice: Person, mine: pb.MeImage) -> None:
    async with watching(alice) as watch:
        assert watch.token
        assert watch.events == []
    async with watching(alice, (await rules.event_page(alice)).resume_token) as watch:
        assert watch.events == []
    assert mine.me_image_id


async def test_a_watcher_is_woken_within_a_second(alice: Person, mine: pb.MeImage) -> None:
    async with watching(alice) as watch:
        for number in range(5):
            changed = await rules.relabel(alice, mine.me_image_id, f"number {number}")
            message = await watch.next(seconds=1)
            assert str(message.event.revision) == changed.etag


async def test_it_tells_what_the_pages_tell(alice: Person, bob: Person, mine: pb.MeImage) -> None:
    async with watching(alice) as watch:
        for number in range(10):
            await rules.opt(alice, mine.me_image_id, enabled=number % 2 == 0)
            await rules.switch(bob, enabled=number % 2 == 1)
        told = await watch.until(10)
    assert told == (await rules.events(alice))[1:]


async def test_every_token_goes_on_exactly_after_its_message(alice: Person, mine: pb.MeImage) -> None:
    start = (await rules.event_page(alice, page_size=1)).resume_token
    await rules.claim(alice, mine.me_image_id, pb.SLOT_AVATAR)
    await rules.opt(alice, mine.me_image_id, enabled=True)
    await rules.delete(alice, mine.me_image_id)
    whole = (await rules.events(alice))[1:]
    assert len(whole) == 5
    for told in range(6):
        async with watching(alice, start) as watch:
            await watch.until(told)
            token = watch.token
        async with watching(alice, token) as watch:
            assert await watch.until(5 - told) == whole[told:]


async def test_without_a_token_it_begins_now(alice: Person, mine: pb.MeImage) -> None:
    async with watching(alice) as watch:
        await rules.switch(alice, enabled=False)
        assert rules.facts(await watch.until(1)) == ["ai_settings_changed"]
    assert mine.me_image_id


async def test_a_quiet_watch_shows_that_it_is_alive(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    assert use_case.CHECKPOINT_SECONDS == 20
    monkeypatch.setattr(use_case, "CHECKPOINT_SECONDS", 0.1)
    async with watching(alice) as watch:
        for _ in range(3):
            assert (await watch.next()).HasField("checkpoint")
        await rules.switch(alice, enabled=False)
        await watch.until(1)
        assert (await watch.next()).HasField("checkpoint")


async def test_a_checkpoint_is_a_place_to_go_on_from(alice: Person, mine: pb.MeImage) -> None:
    async with watching(alice) as watch:
        token = watch.token
    changed = await rules.relabel(alice, mine.me_image_id, "meanwhile")
    async with watching(alice, token) as watch:
        assert [str(event.revision) for event in await watch.until(1)] == [changed.etag]


async def test_twenty_watch_at_once_and_leave_nothing_behind(alice: Person, served: Served) -> None:
    await until(lambda: watchers(served) == 0)
    async with asyncio.timeout(20):
        watches = [watching(alice) for _ in range(20)]
        opened = [await watch.__aenter__() for watch in watches]
        assert watchers(served) == 20
        await rules.switch(alice, enabled=False)
        told = [await watch.until(1) for watch in opened]
        assert all(each == told[0] for each in told)
        for watch in watches:
            await watch.__aexit__(None, None, None)
    await until(lambda: watchers(served) == 0)


async def test_a_watch_outlives_the_connection_that_wakes_it(alice: Person, stored: Stored) -> None:
    async with watching(alice) as watch:
        killed = await stored.database.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'me-images bell'"
        )
        assert killed
        for enabled in (False, True):
            await rules.switch(alice, enabled)
        assert len(await watch.until(2)) == 2


async def test_a_watcher_who_does_not_read_is_cut(impatient: Served, issuer: Issuer) -> None:
    world, user_id = impatient.built.world, UserId(new_user_id())
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_535)]
    async with grpc.aio.insecure_channel(impatient.address, options=options) as channel:
        slow = person(channel, issuer.user(user_id), user_id)
        await rules.switch(slow, enabled=False)
        async with watching(slow) as watch:
            at = datetime.now(UTC)
            happened = [
                Event(UUID(int=uuid4().int), user_id, 2, at, "service:tests", None, AiSettingsChanged(number % 2 == 0))
                for number in range(MANY)
            ]
            async with world.store.transaction(user_id) as tx:
                await tx.lock_known_user(user_id)
                await tx.add_events(user_id, happened)
            await until(lambda: watchers(impatient) == 0)
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await watch.until(MANY)
            assert len(watch.events) < MANY / 10, "the rest was not even read"
        answer = refusal(error.value)
        assert (answer.code, answer.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "TOO_SLOW")
