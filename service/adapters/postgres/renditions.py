"""The table ``renditions``: those made with an upload are as ready as their media; later ones are pending first."""

from datetime import datetime

from service.adapters.postgres.database import Executor, Row, as_user
from service.domain.model import MediaId, MediaType, Rendition, UserId
from service.ports.records import RenditionRecord

_COLUMNS = "rendition, variant, content_type, size_bytes, width, height, sealed_facts"
_READY = as_user(f"""
    SELECT {_COLUMNS} FROM renditions r
    WHERE r.user_id = me.user_id AND media_id = $2 AND rendition = $3 AND state = 'ready'
""")
_ADD = f"""
    INSERT INTO renditions (user_id, media_id, {_COLUMNS}, state, made_at)
    SELECT $1, $2, $3, $4, $5, $6::integer, $7::integer, $8::integer, $9, 'pending', $10
    FROM media WHERE user_id = $1 AND media_id = $2 AND state = 'ready'
"""
_MARK_READY = f"""
    UPDATE renditions r SET state = 'ready' WHERE user_id = $1 AND media_id = $2 AND variant = $3 AND state = 'pending'
    AND EXISTS (SELECT FROM media m WHERE m.user_id = $1 AND m.media_id = $2 AND m.state = 'ready')
    RETURNING {_COLUMNS}
"""
_CONDEMN = """
    UPDATE renditions SET state = 'condemned' WHERE user_id = $1 AND media_id = $2 AND variant = $3
    AND (state = 'condemned' OR (state = 'pending' AND made_at < $4))
"""
_FORGET = "DELETE FROM renditions WHERE user_id = $1 AND media_id = $2 AND variant = $3 AND state = 'condemned'"


class Renditions:
    """Statements on ``renditions``."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    async def rendition(self, user_id: UserId, media_id: MediaId, rendition: Rendition) -> RenditionRecord | None:
        """See Store."""
        row = await self._db.fetchrow(_READY, user_id, media_id, rendition)
        return rendition_record(row) if row else None

    async def add_pending_rendition(
        self, user_id: UserId, media_id: MediaId, rendition: RenditionRecord, at: datetime
    ) -> bool:
        """See Transaction."""
        what = (rendition.rendition, rendition.variant, rendition.content_type)
        sizes = (rendition.size_bytes, rendition.width, rendition.height)
        tag = await self._db.execute(_ADD, user_id, media_id, *what, *sizes, rendition.sealed_facts, at)
        return tag == "INSERT 0 1"

    async def mark_rendition_ready(
        self, user_id: UserId, media_id: MediaId, rendition: RenditionRecord
    ) -> RenditionRecord | None:
        """See Transaction."""
        earlier = await self.rendition(user_id, media_id, rendition.rendition)
        if earlier is not None:
            return earlier
        row = await self._db.fetchrow(_MARK_READY, user_id, media_id, rendition.variant)
        return rendition_record(row) if row else None

    async def condemn_rendition(
        self, user_id: UserId, media_id: MediaId, variant: str, pending_before: datetime
    ) -> bool:
        """See Transaction."""
        return await self._db.execute(_CONDEMN, user_id, media_id, variant, pending_before) == "UPDATE 1"

    async def forget_rendition(self, user_id: UserId, media_id: MediaId, variant: str) -> None:
        """See Transaction."""
        await self._db.execute(_FORGET, user_id, media_id, variant)


def rendition_record(row: Row, prefix: str = "") -> RenditionRecord:
    """Map the columns of a rendition."""
    return RenditionRecord(
        rendition=Rendition(row["rendition"]),
        variant=row["variant"],
        content_type=MediaType(row[f"{prefix}content_type"]),
        size_bytes=row[f"{prefix}size_bytes"],
        width=row[f"{prefix}width"],
        height=row[f"{prefix}height"],
        sealed_facts=row[f"{prefix}sealed_facts"],
    )
