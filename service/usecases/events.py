"""Telling what happens: pages of events, and a watch that never leaves one out.

A resume token is a position and the time up to which it is good: events older than the retention are removed, and a
watcher who was away for longer must know that it has missed some.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.domain import events
from service.domain.errors import InvalidResumeToken, ResumeTokenExpired, UserErased
from service.domain.events import Event
from service.domain.model import UserId
from service.ports.events import EventBatch, EventPosition
from service.usecases.erased import refuse_erased
from service.usecases.tokens import read_token, write_token
from service.usecases.world import World

CHECKPOINT_SECONDS = 20.0
SETTLE_SECONDS = 0.02
"""How soon to look again for events whose transactions are done, but not yet all that began before them."""

WATCH_BATCH = 200
OLDEST = EventPosition(0, -1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, oldest first, and where to go on."""

    events: tuple[Event, ...]
    resume_token: str


@dataclass(frozen=True, slots=True)
class Told:
    """One message of a watch: an event, or None for a sign of life; and where to go on after it."""

    event: Event | None
    resume_token: str


async def list_events(world: World, user_id: UserId | None, resume_token: str, page_size: int) -> EventPage:
    """Return what happened after a token, to a user or to all. Raises InvalidResumeToken, ResumeTokenExpired."""
    position = _position(world, user_id, resume_token) if resume_token else OLDEST
    now = world.clock.now()
    batch = await _read(world, user_id, position, page_size)
    if user_id is not None and not batch.events:
        await refuse_erased(world, user_id)
    if user_id is not None and any(_is_erasure(event) for _, event in batch.events):
        raise UserErased
    last, at = (batch.events[-1][0], batch.events[-1][1].at) if batch.events else (position, now)
    return EventPage(tuple(event for _, event in batch.events), _token(user_id, last, at))


async def watch_events(world: World, user_id: UserId | None, resume_token: str) -> AsyncGenerator[Told, None]:
    """Tell what happens from a token on, or from now on, for ever. Raises InvalidResumeToken, ResumeTokenExpired.

    A watch of one user who is erased tells that, if it has not been told yet, and ends with UserErased.
    Nothing is buffered: the next events are read when the last ones were taken.
    """
    if resume_token:
        position = _position(world, user_id, resume_token)
    else:
        position = await world.store.newest_position()
        if user_id is not None:
            await refuse_erased(world, user_id)
    with world.bell.listen(user_id) as ears:
        checkpoint_due = world.clock.now()
        while True:
            now = world.clock.now()
            if now >= checkpoint_due:
                yield Told(None, _token(user_id, position, now))
                checkpoint_due = now + timedelta(seconds=CHECKPOINT_SECONDS)
            ears.clear()
            batch = await _read(world, user_id, position, WATCH_BATCH)
            for place, event in batch.events:
                yield Told(event, _token(user_id, place, event.at))
                position = place
                if user_id is not None and _is_erasure(event):
                    raise UserErased
            if not batch.events:
                if resume_token and user_id is not None:
                    await refuse_erased(world, user_id)
                    resume_token = ""
                left = (checkpoint_due - world.clock.now()).total_seconds()
                await ears.wait(SETTLE_SECONDS if batch.more_to_come else max(left, 0))


async def _read(world: World, user_id: UserId | None, after: EventPosition, limit: int) -> EventBatch:
    if user_id is None:
        return await world.store.events_of_all(after, limit)
    return await world.store.events(user_id, after, limit)


def _is_erasure(event: Event) -> bool:
    return isinstance(event.fact, events.UserErased)


def _token(user_id: UserId | None, position: EventPosition, at: datetime) -> str:
    return write_token(_query(user_id), position.transaction_id, position.ordinal, int((at - _EPOCH).total_seconds()))


def _position(world: World, user_id: UserId | None, token: str) -> EventPosition:
    numbers = read_token(_query(user_id), token, size=3)
    if numbers is None:
        raise InvalidResumeToken
    transaction_id, ordinal, seconds = numbers
    if seconds < (world.clock.now() - world.policy.event_retention - _EPOCH).total_seconds():
        raise ResumeTokenExpired
    return EventPosition(transaction_id, ordinal)


def _query(user_id: UserId | None) -> tuple[object, ...]:
    return ("MeImageEvents", user_id)
