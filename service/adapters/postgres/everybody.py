"""The only statements that cross users: what upkeep looks for, and the events of all."""

from datetime import datetime

from service.adapters.postgres.database import Database
from service.adapters.postgres.events import AFTER, EVENT_COLUMNS, batch_of
from service.domain.model import MediaId, MeImageId, UserId
from service.ports.events import EventBatch, EventPosition

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

    async def _forget(self, statement: str, before: datetime, limit: int) -> int:
        async with self._database.everybody() as connection:
            tag = await connection.execute(statement, before, limit)
        return int(tag.rpartition(" ")[2])
