"""The table ``events``, the outbox: written in the transaction that caused it, read in the order of transactions.

A transaction gets its id when it first writes, which is after it has locked its user (see Database.transaction), so a
user's events are in the order of their revisions, and final as soon as they are seen. Of all users' events only those
below the oldest running transaction are final: a number that is taken early and committed late would be passed over by
whoever reads "greater than the last one seen".
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import get_args

from pydantic import TypeAdapter

from service.adapters.postgres.database import Executor, Row, as_user
from service.domain.events import Event, Fact
from service.domain.model import UserId
from service.ports.events import EventBatch, EventPosition

CHANNEL = "me_images_events"

EVENT_COLUMNS = """
    e.transaction_id::text::bigint AS transaction_id, e.ordinal, e.event_id, e.user_id, e.revision, e.at, e.caller,
    e.me_image_id, e.kind, e.fact::text AS fact
"""
AFTER = """
    (e.transaction_id, e.ordinal) > (${}::bigint::text::xid8, ${}::integer)
    ORDER BY e.transaction_id, e.ordinal LIMIT ${}
"""
_OF_USER = as_user(f"""
    SELECT {EVENT_COLUMNS}, true AS is_final FROM events e WHERE e.user_id = me.user_id AND {AFTER.format(2, 3, 4)}
""")
_NOW = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS transaction_id"
# Equal notifications of one transaction are sent once.
_ADD = f"""
    INSERT INTO events (user_id, ordinal, event_id, revision, at, caller, me_image_id, kind, fact)
    SELECT $1, e.ordinal, e.event_id, e.revision, e.at, e.caller, e.me_image_id, e.kind, e.fact
    FROM unnest($2::integer[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::text[], $7::uuid[], $8::text[],
                $9::jsonb[])
    AS e (ordinal, event_id, revision, at, caller, me_image_id, kind, fact)
    RETURNING pg_notify('{CHANNEL}', user_id)
"""

_FACTS: dict[str, TypeAdapter[Fact]] = {fact.__name__: TypeAdapter(fact) for fact in get_args(Fact)}
"""A fact is kept as JSON beside the name of its class."""


class Events:
    """Statements on ``events``."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    async def add_events(self, user_id: UserId, events: Sequence[Event]) -> None:
        """See Transaction."""
        columns = zip(*(_values(ordinal, event) for ordinal, event in enumerate(events)), strict=True)
        await self._db.execute(_ADD, user_id, *(list(column) for column in columns))

    async def events(self, user_id: UserId, after: EventPosition, limit: int) -> EventBatch:
        """See Store."""
        rows = await self._db.fetch(_OF_USER, user_id, after.transaction_id, after.ordinal, limit)
        return batch_of(rows, limit)

    async def newest_position(self) -> EventPosition:
        """See Store."""
        row = await self._db.fetchrow(_NOW)
        assert row is not None  # noqa: S101 # a query without tables always returns its row
        return EventPosition(row["transaction_id"], -1)


def batch_of(rows: Sequence[Row], limit: int) -> EventBatch:
    """Map rows of EVENT_COLUMNS and ``is_final``, up to the first that is not final."""
    final = list(takewhile(lambda row: row["is_final"], rows))
    events = tuple((EventPosition(row["transaction_id"], row["ordinal"]), _event(row)) for row in final)
    return EventBatch(events, more_to_come=len(final) < len(rows) or len(rows) == limit)


def _values(ordinal: int, event: Event) -> tuple[object, ...]:
    kind = type(event.fact).__name__
    return (
        ordinal,
        event.event_id,
        event.revision,
        event.at,
        event.caller,
        event.me_image_id,
        kind,
        _FACTS[kind].dump_json(event.fact).decode(),
    )


def _event(row: Row) -> Event:
    return Event(
        event_id=row["event_id"],
        user_id=row["user_id"],
        revision=row["revision"],
        at=row["at"],
        caller=row["caller"],
        me_image_id=row["me_image_id"],
        fact=_FACTS[row["kind"]].validate_json(row["fact"]),
    )
