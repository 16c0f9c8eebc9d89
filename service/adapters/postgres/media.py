"""The table ``media``: pending before its objects are put, ready after, condemned at last."""

from collections.abc import Sequence
from datetime import datetime

from service.adapters.postgres.database import Executor, Row, as_user
from service.domain.model import MediaId, MediaType, UserId
from service.ports.records import MediaRecord, RenditionRecord

MEDIA_COLUMNS = "media_id, content_type, size_bytes, width, height, sealed_facts, created_at"

_ADD = """
    INSERT INTO media (user_id, state, content_digest, idle_since, media_id, content_type, size_bytes, width, height,
                       sealed_facts, created_at)
    VALUES ($1, 'pending', $2, $9, $3, $4, $5, $6, $7, $8, $9)
"""
_ADD_RENDITIONS = """
    INSERT INTO renditions
        (user_id, media_id, state, made_at, rendition, variant, content_type, size_bytes, width, height)
    SELECT $1, $2, 'ready', $3, *
    FROM unnest($4::text[], $5::text[], $6::text[], $7::integer[], $8::integer[], $9::integer[])
"""
_READY = f"""
    UPDATE media SET state = 'ready' WHERE user_id = $1 AND media_id = $2 AND state = 'pending'
    RETURNING {MEDIA_COLUMNS}
"""
_UNCLAIMED = """
    UPDATE media SET idle_since = $3 WHERE user_id = $1 AND media_id = $2 AND idle_since IS NOT NULL
"""
_FIND = f"SELECT {MEDIA_COLUMNS} FROM media WHERE user_id = $1 AND media_id = $2 AND state = 'ready'"
_OF_CONTENT = as_user(f"""
    SELECT {MEDIA_COLUMNS} FROM media m WHERE m.user_id = me.user_id AND content_digest = $2 AND state = 'ready'
""")
_OF_USER = as_user(f"""
    SELECT {MEDIA_COLUMNS} FROM media m WHERE m.user_id = me.user_id AND state = 'ready' ORDER BY created_at, media_id
""")
_MAY_GO = """
    (state = 'condemned' OR (state = 'pending' AND idle_since < $1) OR (state = 'ready' AND idle_since < $2))
"""
_CONDEMN = f"""
    UPDATE media m SET state = 'condemned' WHERE {_MAY_GO} AND user_id = $3 AND media_id = $4
    AND NOT EXISTS (SELECT FROM me_images i WHERE i.user_id = $3 AND i.media_id = $4)
    AND NOT EXISTS (
        SELECT FROM renditions r WHERE r.user_id = $3 AND r.media_id = $4 AND r.state = 'pending' AND r.made_at >= $1
    )
    RETURNING ARRAY(SELECT variant FROM renditions r WHERE r.user_id = $3 AND r.media_id = $4) AS variants
"""
_FORGET_RENDITIONS = "DELETE FROM renditions WHERE user_id = $1 AND media_id = $2"
_FORGET = "DELETE FROM media WHERE user_id = $1 AND media_id = $2 AND state = 'condemned'"


class MediaTable:
    """Statements on ``media``, and on the renditions that come and go with it."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    async def add_pending_media(
        self,
        user_id: UserId,
        media: MediaRecord,
        content_digest: bytes,
        renditions: Sequence[RenditionRecord],
    ) -> None:
        """See Transaction."""
        facts = (media.media_id, media.content_type, media.size_bytes, media.width, media.height)
        await self._db.execute(_ADD, user_id, content_digest, *facts, media.sealed_facts, media.created_at)
        columns = (
            [r.rendition for r in renditions],
            [r.variant for r in renditions],
            [r.content_type for r in renditions],
            [r.size_bytes for r in renditions],
            [r.width for r in renditions],
            [r.height for r in renditions],
        )
        await self._db.execute(_ADD_RENDITIONS, user_id, media.media_id, media.created_at, *columns)

    async def mark_media_ready(self, user_id: UserId, media_id: MediaId) -> MediaRecord | None:
        """See Transaction."""
        row = await self._db.fetchrow(_READY, user_id, media_id)
        return media_record(row) if row else None

    async def keep_unclaimed(self, user_id: UserId, media_id: MediaId, at: datetime) -> None:
        """See Transaction."""
        await self._db.execute(_UNCLAIMED, user_id, media_id, at)

    async def media(self, user_id: UserId, media_id: MediaId) -> MediaRecord | None:
        """See Transaction."""
        row = await self._db.fetchrow(_FIND, user_id, media_id)
        return media_record(row) if row else None

    async def media_of_content(self, user_id: UserId, content_digest: bytes) -> MediaRecord | None:
        """See Transaction."""
        row = await self._db.fetchrow(_OF_CONTENT, user_id, content_digest)
        return media_record(row) if row else None

    async def media_of_user(self, user_id: UserId) -> list[MediaRecord]:
        """See Store."""
        return [media_record(row) for row in await self._db.fetch(_OF_USER, user_id)]

    async def condemn_media(
        self, user_id: UserId, media_id: MediaId, pending_before: datetime, unclaimed_before: datetime
    ) -> list[str] | None:
        """See Transaction."""
        row = await self._db.fetchrow(_CONDEMN, pending_before, unclaimed_before, user_id, media_id)
        return list(row["variants"]) if row else None

    async def forget_media(self, user_id: UserId, media_id: MediaId) -> None:
        """See Transaction."""
        await self._db.execute(_FORGET_RENDITIONS, user_id, media_id)
        await self._db.execute(_FORGET, user_id, media_id)


def media_record(row: Row, prefix: str = "") -> MediaRecord:
    """Map the columns of MEDIA_COLUMNS."""
    return MediaRecord(
        media_id=row["media_id"],
        content_type=MediaType(row["content_type"]),
        size_bytes=row["size_bytes"],
        width=row["width"],
        height=row["height"],
        sealed_facts=row["sealed_facts"],
        created_at=row[f"{prefix}created_at"],
    )
