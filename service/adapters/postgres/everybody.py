"""Statements that cross users: the events of all, and moving keys to another epoch."""

from collections.abc import Sequence

from service.adapters.postgres.database import Database, Row
from service.adapters.postgres.events import AFTER, EVENT_COLUMNS, batch_of
from service.ports.events import EventBatch, EventPosition
from service.ports.keys import HeldKey, KeyPosition, KeySwap
from service.ports.sealing import WrappedKey

_EVENTS = f"""
    SELECT {EVENT_COLUMNS}, e.transaction_id < pg_snapshot_xmin(pg_current_snapshot()) AS is_final FROM events e
    WHERE {AFTER.format(1, 2, 3)}
"""
# One look into the index for each epoch, however many users there are.
_SOME_KEYS = """
    WITH RECURSIVE epochs AS (
        SELECT min(key_epoch) AS key_epoch FROM users
        UNION ALL
        SELECT (SELECT min(u.key_epoch) FROM users u WHERE u.key_epoch > e.key_epoch)
        FROM epochs e WHERE e.key_epoch IS NOT NULL
    )
    SELECT it.* FROM epochs e, LATERAL (
        SELECT user_id, key_epoch, wrapped_key FROM users u WHERE u.key_epoch = e.key_epoch ORDER BY user_id LIMIT $1
    ) it ORDER BY key_epoch
"""
_KEYS_BY_EPOCH = """
    SELECT key_epoch, count(*) AS keys FROM users WHERE key_epoch IS NOT NULL GROUP BY key_epoch ORDER BY key_epoch
"""
_OLDER_KEYS = """
    SELECT user_id, key_epoch, wrapped_key FROM users
    WHERE key_epoch < $1 AND (key_epoch, user_id) > ($2, $3) ORDER BY key_epoch, user_id LIMIT $4
"""
# Waits for nobody: a user who is being changed comes in a later batch.
_SWAP_KEYS = """
    WITH swap AS (
        SELECT u.user_id, it.fresh FROM users u
        JOIN unnest($1::text[], $2::bytea[], $3::bytea[]) AS it (user_id, old, fresh)
            ON u.user_id = it.user_id AND u.wrapped_key = it.old
        FOR NO KEY UPDATE OF u SKIP LOCKED
    )
    UPDATE users u SET wrapped_key = swap.fresh FROM swap WHERE u.user_id = swap.user_id
"""


class Everybody:
    """Statements that row-level security lets through only because they say so expressly."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def events_of_all(self, after: EventPosition, limit: int) -> EventBatch:
        """See Store."""
        async with self._database.everybody() as connection:
            rows = await connection.fetch(_EVENTS, after.transaction_id, after.ordinal, limit)
        return batch_of(rows, limit)

    async def some_keys(self, limit: int) -> list[HeldKey]:
        """See Store."""
        async with self._database.everybody() as connection:
            rows = await connection.fetch(_SOME_KEYS, limit)
        return [_held(row) for row in rows]

    async def keys_by_epoch(self) -> dict[int, int]:
        """See Store."""
        async with self._database.everybody() as connection:
            rows = await connection.fetch(_KEYS_BY_EPOCH)
        return {row["key_epoch"]: row["keys"] for row in rows}

    async def older_keys(self, epoch: int, after: KeyPosition | None, limit: int) -> list[HeldKey]:
        """See Store."""
        place = (after.epoch, after.user_id) if after else (0, "")
        async with self._database.everybody() as connection:
            rows = await connection.fetch(_OLDER_KEYS, epoch, *place, limit)
        return [_held(row) for row in rows]

    async def swap_keys(self, swaps: Sequence[KeySwap]) -> int:
        """See Store."""
        columns = (
            [swap.user_id for swap in swaps],
            [swap.old.blob for swap in swaps],
            [swap.new.blob for swap in swaps],
        )
        async with self._database.everybody() as connection:
            tag = await connection.execute(_SWAP_KEYS, *columns)
        return int(tag.rpartition(" ")[2])


def _held(row: Row) -> HeldKey:
    return HeldKey(row["user_id"], row["key_epoch"], WrappedKey(row["wrapped_key"]))
