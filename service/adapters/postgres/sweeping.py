"""What upkeep looks for across users: pages in an order that goes on behind the last one, however many cannot go."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from service.adapters.postgres.database import Database, Row
from service.ports.upkeep import DueMeImage, StaleMedia, StaleRendition, UnfiledCertificate

_FIRST = (datetime.min.replace(tzinfo=UTC), "", UUID(int=0))
"""The place before all: no user's id is empty."""

# The first condition of each place is for the index: the database may not use the others behind row-level security.
_STALE_MEDIA = """
    SELECT idle_since AS at, user_id, media_id FROM media
    WHERE (state = 'condemned' OR (state = 'pending' AND idle_since < $1) OR (state = 'ready' AND idle_since < $2))
    AND idle_since >= $4 AND (idle_since, user_id, media_id) > ($4, $5, $6)
    ORDER BY idle_since, user_id, media_id LIMIT $3
"""
_STALE_RENDITIONS = """
    SELECT made_at AS at, user_id, media_id, variant FROM renditions
    WHERE (state = 'condemned' OR (state = 'pending' AND made_at < $1))
    AND made_at >= $3 AND (made_at, user_id, media_id, variant) > ($3, $4, $5, $6)
    ORDER BY made_at, user_id, media_id, variant LIMIT $2
"""
_DUE = """
    SELECT purge_at AS at, user_id, me_image_id FROM me_images WHERE purge_at <= $1
    AND purge_at >= $3 AND (purge_at, user_id, me_image_id) > ($3, $4, $5)
    ORDER BY purge_at, user_id, me_image_id LIMIT $2
"""
_TO_FILE = """
    SELECT erased_at AS at, user_id, certificate FROM users WHERE erased_at IS NOT NULL AND certificate_filed_at IS NULL
    AND erased_at >= $2 AND (erased_at, user_id) > ($2, $3)
    ORDER BY erased_at, user_id LIMIT $1
"""
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


class Sweeping:
    """Statements of upkeep. ``after`` of each is the last of the page before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def stale_media(
        self, pending_before: datetime, unclaimed_before: datetime, after: StaleMedia | None, limit: int
    ) -> list[StaleMedia]:
        """See Store."""
        place = (after.at, after.user_id, after.media_id) if after else _FIRST
        rows = await self._page(_STALE_MEDIA, pending_before, unclaimed_before, limit, *place)
        return [StaleMedia(row["at"], row["user_id"], row["media_id"]) for row in rows]

    async def stale_renditions(
        self, pending_before: datetime, after: StaleRendition | None, limit: int
    ) -> list[StaleRendition]:
        """See Store."""
        place = (after.at, after.user_id, after.media_id, after.variant) if after else (*_FIRST, "")
        rows = await self._page(_STALE_RENDITIONS, pending_before, limit, *place)
        return [StaleRendition(row["at"], row["user_id"], row["media_id"], row["variant"]) for row in rows]

    async def due_me_images(self, now: datetime, after: DueMeImage | None, limit: int) -> list[DueMeImage]:
        """See Store."""
        place = (after.at, after.user_id, after.me_image_id) if after else _FIRST
        rows = await self._page(_DUE, now, limit, *place)
        return [DueMeImage(row["at"], row["user_id"], row["me_image_id"]) for row in rows]

    async def certificates_to_file(self, after: UnfiledCertificate | None, limit: int) -> list[UnfiledCertificate]:
        """See Store."""
        place = (after.at, after.user_id) if after else _FIRST[:2]
        rows = await self._page(_TO_FILE, limit, *place)
        return [UnfiledCertificate(row["at"], row["user_id"], row["certificate"]) for row in rows]

    async def forget_requests(self, before: datetime, limit: int) -> int:
        """See Store."""
        return await self._forget(_FORGET_REQUESTS, before, limit)

    async def forget_events(self, before: datetime, limit: int) -> int:
        """See Store."""
        return await self._forget(_FORGET_EVENTS, before, limit)

    async def _page(self, query: str, *args: object) -> Sequence[Row]:
        async with self._database.everybody() as connection:
            return await connection.fetch(query, *args)

    async def _forget(self, statement: str, before: datetime, limit: int) -> int:
        async with self._database.everybody() as connection:
            tag = await connection.execute(statement, before, limit)
        return int(tag.rpartition(" ")[2])
