"""ListMeImageEvents: pages, resume tokens, and how long they are good."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from meimage.v1 import event_pb2
from meimage.v1 import me_image_pb2 as pb

from service.wiring import open_server
from tests import rules
from tests.conftest import Served
from tests.people import Person, person, refused
from tests.sweeping import later, swept
from tests.tokens import Issuer
from tests.watching import watching

MONTH = timedelta(days=30)


@pytest.fixture
async def told(alice: Person, mine: pb.MeImage) -> list[event_pb2.MeImageEvent]:
    """Ten events."""
    for number in range(9):
        await rules.relabel(alice, mine.me_image_id, f"number {number}")
    return await rules.events(alice)


@asynccontextmanager
async def after(served: Served, time: timedelta, who: Person) -> AsyncIterator[Person]:
    """The same person at a server whose clock is so far ahead."""
    built = replace(served.built, world=later(served.built.world, time))
    async with (
        open_server(served.settings, built) as running,
        grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel,
    ):
        yield person(channel, who.token, who.user_id)


@pytest.mark.parametrize("size", [1, 3, 9, 10, 11])
async def test_pages_together_are_all_events(alice: Person, told: list[event_pb2.MeImageEvent], size: int) -> None:
    assert len(told) == 10
    assert await rules.events(alice, page_size=size) == told
    page = await rules.event_page(alice, page_size=size)
    assert list(page.events) == told[:size]


async def test_an_empty_page_goes_on_where_it_was(alice: Person, told: list[event_pb2.MeImageEvent]) -> None:
    page = await rules.event_page(alice)
    empty = await rules.event_page(alice, page.resume_token)
    assert (list(page.events), list(empty.events)) == (told, [])
    await rules.switch(alice, enabled=False)
    assert rules.facts(list((await rules.event_page(alice, empty.resume_token)).events)) == ["ai_settings_changed"]


async def test_a_page_before_the_first_event_has_a_token_too(bob: Person) -> None:
    page = await rules.event_page(bob)
    assert not page.events
    await rules.switch(bob, enabled=False)
    assert len((await rules.event_page(bob, page.resume_token)).events) == 1


async def test_events_of_others_are_not_in_the_pages(
    alice: Person, bob: Person, told: list[event_pb2.MeImageEvent]
) -> None:
    await rules.switch(bob, enabled=False)
    assert await rules.events(alice) == told
    assert [event.user_id for event in await rules.events(bob)] == [bob.user_id]


async def test_a_token_is_good_for_its_own_events(
    alice: Person, bob: Person, told: list[event_pb2.MeImageEvent]
) -> None:
    token = (await rules.event_page(alice, page_size=2)).resume_token
    ill = (token[:-1], token.swapcase(), f"{token}A", "x", "ä", "A" * 48)
    for who, wrong in [(bob, token), *((alice, each) for each in ill)]:
        answer = await refused(rules.event_page(who, wrong))
        assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_RESUME_TOKEN")
    async with watching(alice, token) as watch:
        assert await watch.until(8) == told[2:]


async def test_a_token_that_is_too_old_says_so(
    alice: Person, served: Served, told: list[event_pb2.MeImageEvent]
) -> None:
    token = (await rules.event_page(alice, page_size=4)).resume_token
    async with after(served, MONTH - timedelta(minutes=1), alice) as soon:
        assert await rules.events(soon, token) == told[4:]
    async with after(served, MONTH + timedelta(minutes=1), alice) as late:
        answer = await refused(rules.event_page(late, token))
        assert (answer.code, answer.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")
        with pytest.raises(grpc.aio.AioRpcError) as error:
            async with watching(late, token):
                pass
        assert error.value.code() is grpc.StatusCode.OUT_OF_RANGE


async def test_no_token_is_good_for_events_that_are_gone(
    alice: Person, served: Served, told: list[event_pb2.MeImageEvent]
) -> None:
    token = (await rules.event_page(alice, page_size=4)).resume_token
    await swept(served, MONTH + timedelta(minutes=1))
    assert await rules.events(alice) == told
    await swept(served, MONTH + timedelta(hours=2))
    assert await rules.events(alice) == []
    async with after(served, MONTH + timedelta(hours=2), alice) as late:
        assert (await refused(rules.event_page(late, token))).reason == "RESUME_TOKEN_EXPIRED"


async def test_whoever_keeps_asking_never_gets_too_old(
    alice: Person, issuer: Issuer, served: Served, told: list[event_pb2.MeImageEvent]
) -> None:
    lasting = issuer.user(alice.user_id, exp=int((datetime.now(UTC) + timedelta(days=50)).timestamp()))
    patient = replace(alice, token=lasting)
    token = (await rules.event_page(alice)).resume_token
    async with after(served, timedelta(days=20), alice) as once:
        token = (await rules.event_page(once, token)).resume_token
    async with after(served, timedelta(days=40), patient) as again, watching(again, token) as watch:
        await rules.switch(again, enabled=False)
        assert rules.facts(await watch.until(1)) == ["ai_settings_changed"]
    assert told
