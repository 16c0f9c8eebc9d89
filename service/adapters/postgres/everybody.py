"""The only statements that cross users: what upkeep looks for, the events of all, and moving keys to another epoch."""

from collections.abc import Sequence
from datetime import datetime

from service.adapters.postgres.database import Database, Row
from service.adapters.postgres.events import AFTER, EVENT_COLUMNS, batch_of
from service.domain.model import MediaId, MeImageId, UserId
from service.ports.events import EventBatch, EventPosition
from service.ports.keys import HeldKey, KeyPosition, KeySwap
from service.ports.sealing import WrappedKey

_STALE_MEDIA = """
    SELECT user_id, media_id FROM media
    WHERE state = 'condemned' OR (state = 'pending' AND idle_since < $1) OR (state = 'ready' AND idle_since < $2)
    ORDER BY idle_since LIMIT $3
"""
_STALE_RENDITIONS = """
    SELECT user_id, media_id, variant FROM renditions
    WHERE state = 'condemned' OR (state = 'pending' AND made_at < $1) ORDER BY made_at LIMIT $2
"""
_DUE = "SELECT user_id, me_image_id FROM me_images WHERE purge_at <= $1 ORDER BY purge_at LIMIT $2"
_FORGET_REQUESTS = """
    DELETE FROM requests WHERE (user_id, request_id) IN (
        SELECT user_id, request_id FROM requests WHERE created_at < $1 ORDER BY created_at LIMIT $2
    )
"""
_FORGET_EVENTS = """
    DELETE FROM events WHERE (user_id, transaction_id, ordinal) IN (
        SELECT user_id, transaction_id, ordinal FROM events WHERE at < $1 ORDER BY at LIMIT $2
    )
"""
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

    async def stale_media(
        self, pending_before: datetime, unclaimed_before: datetime, limit: int
    ) -> list[tuple[UserId, MediaId]]:
        """See Store."""
        async with self._database.everybody() as connection:
            rows = await connection.fetch(_STALE_MEDIA, pending_before, unclaimed_before, limit)
        return [(row["user_id"], row["media_id"]) for row in rows]

    async def stale_renditions(self, pending_before: datetime, limit: int) -> list[tuple[UserId, MediaId, str]]:
        """See Store."""
        async with self._database.everybody() as connection:
            rows = await connection.fetch(_STALE_RENDITIONS, pending_before, limit)
        return [(row["user_id"], row["media_id"], row["variant"]) for row in rows]

    async def due_me_images(self, now: datetime, limit: int) -> list[tuple[UserId, MeImageId]]:
        """See Store."""
        async with self._database.everybody() as connection:
            rows = await connection.fetch(_DUE, now, limit)
        return [(row["user_id"], row["me_image_id"]) for row in rows]

    async def events_of_all(self, after: EventPosition, limit: int) -> EventBatch:
        """See Store."""
        async with self._database.everybody() as connection:
            rows = await connection.fetch(_EVENTS, after.transaction_id, after.ordinal, limit)
        return batch_of(rows, limit)

    async def forget_requests(self, before: datetime, limit: int) -> int:
        """See Store."""
        return await self._forget(_FORGET_REQUESTS, before, limit)

    async def forget_events(self, before: datetime, limit: int) -> int:
        """See Store."""
        return await self._forget(_FORGET_EVENTS, before, limit)

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
            return _count(await connection.execute(_SWAP_KEYS, *columns))

    async def _forget(self, statement: str, before: datetime, limit: int) -> int:
        async with self._database.everybody() as connection:
            return _count(await connection.execute(statement, before, limit))


def _count(tag: str) -> int:
    """Read how many rows a command tag tells of."""
    return int(tag.rpartition(" ")[2])


def _held(row: Row) -> HeldKey:
    return HeldKey(row["user_id"], row["key_epoch"], WrappedKey(row["wrapped_key"]))
