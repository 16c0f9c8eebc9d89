"""Events of all people: for services that may watch, in an order in which nothing is lost."""

from dataclasses import replace

import grpc
import pytest

from service.domain.callers import Caller, CallerKind, Scope
from service.domain.events import AiSettingsChanged
from service.domain.model import UserId
from service.usecases.mutation import Mutation, mutation
from tests import rules
from tests.conftest import Served
from tests.people import Person, person, refused
from tests.tokens import Issuer
from tests.watching import Watch, watching

SOMEBODY = Caller(CallerKind.SERVICE, "tests", frozenset())


@pytest.fixture
def watchman(served: Served, issuer: Issuer) -> Person:
    """A service that may watch all, and no more."""
    return person(served.channel, issuer.service(Scope.WATCH, name="watchman"), "")


async def told_of(watch: Watch, *people: Person) -> list[str]:
    """Return once every one of these people has been told of; whom, in order."""
    whom = [each.user_id for each in people]
    while not set(whom) <= {event.user_id for event in watch.events}:
        await watch.next()
    return [event.user_id for event in watch.events if event.user_id in whom]


async def now(watchman: Person) -> str:
    """Return a token after all that has happened."""
    async with watching(watchman) as watch:
        return watch.token


def switched(change: Mutation) -> None:
    change.tell(AiSettingsChanged(references_enabled=False))


@pytest.mark.parametrize(
    "scopes",
    [(), (Scope.READ,), (Scope.READ, Scope.WRITE, Scope.ON_BEHALF)],
    ids=str,
)
async def test_watching_all_needs_its_scope(served: Served, issuer: Issuer, scopes: tuple[Scope, ...]) -> None:
    backend = person(served.channel, issuer.service(*scopes), "")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        async with watching(backend):
            pass
    assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert (await refused(rules.event_page(backend))).reason == "PERMISSION_DENIED"


@pytest.mark.parametrize("scope", ["me_images.watch", "me_images.read me_images.watch", None])
async def test_no_persons_token_watches_all(alice: Person, issuer: Issuer, scope: str | None) -> None:
    nosy = replace(alice, token=issuer.user(alice.user_id, scope=scope), user_id="")
    assert (await refused(rules.event_page(nosy))).reason == "PERMISSION_DENIED"


async def test_watching_all_is_no_leave_to_read_of_one(watchman: Person, alice: Person) -> None:
    nosy = replace(watchman, user_id=alice.user_id)
    for call in (rules.event_page(nosy), rules.entries(nosy), rules.settings(nosy)):
        assert (await refused(call)).reason == "PERMISSION_DENIED"


async def test_it_tells_of_everybody(watchman: Person, alice: Person, bob: Person) -> None:
    async with watching(watchman) as watch:
        await rules.switch(alice, enabled=False)
        await rules.switch(bob, enabled=False)
        await told_of(watch, alice, bob)
        own = [*(await rules.events(alice)), *(await rules.events(bob))]
        assert [event for event in watch.events if event in own] == own


async def test_the_pages_tell_the_same(watchman: Person, alice: Person, bob: Person) -> None:
    token = await now(watchman)
    for who in (alice, bob, alice):
        await rules.switch(who, enabled=who is not alice or (await rules.settings(who)).references_enabled is False)
    told = await rules.events(watchman, token, page_size=1)
    async with watching(watchman, token) as watch:
        assert await watch.until(len(told)) == told
    assert {event.user_id for event in told} >= {alice.user_id}


async def test_a_token_of_one_is_no_token_of_all(watchman: Person, alice: Person) -> None:
    of_all, of_one = await now(watchman), (await rules.event_page(alice)).resume_token
    for who, token in ((watchman, of_one), (alice, of_all)):
        assert (await refused(rules.event_page(who, token))).reason == "INVALID_RESUME_TOKEN"


@pytest.mark.parametrize("watches", [True, False], ids=["watched", "paged"])
async def test_what_began_first_and_commits_last_is_not_lost(
    watchman: Person, alice: Person, bob: Person, served: Served, watches: bool
) -> None:
    token, world = await now(watchman), served.built.world
    async with watching(watchman, token) as watch:
        async with mutation(world, SOMEBODY, UserId(alice.user_id)) as first:
            switched(first)
            await rules.switch(bob, enabled=False)
            assert [event.user_id for event in await rules.events(bob)] == [bob.user_id]
            assert bob.user_id not in {event.user_id for event in await rules.events(watchman, token)}
        if watches:
            assert await told_of(watch, alice, bob) == [alice.user_id, bob.user_id]
        else:
            token = watch.token
            told = [event.user_id for event in await rules.events(watchman, token)]
            assert [each for each in told if each in {alice.user_id, bob.user_id}] == [alice.user_id, bob.user_id]


async def test_what_never_commits_holds_nobody_up(watchman: Person, alice: Person, bob: Person, served: Served) -> None:
    class Broken(Exception):
        """Whatever ends a change before its commit."""

    async def breaks() -> None:
        async with mutation(served.built.world, SOMEBODY, UserId(alice.user_id)) as first:
            switched(first)
            await rules.switch(bob, enabled=False)
            raise Broken

    async with watching(watchman) as watch:
        with pytest.raises(Broken):
            await breaks()
        assert await told_of(watch, bob) == [bob.user_id]
    assert await rules.events(alice) == []


async def test_a_person_is_told_without_waiting_for_others(alice: Person, bob: Person, served: Served) -> None:
    async with watching(bob) as watch, mutation(served.built.world, SOMEBODY, UserId(alice.user_id)) as first:
        switched(first)
        await rules.switch(bob, enabled=False)
        assert (await watch.next(seconds=1)).event.user_id == bob.user_id
