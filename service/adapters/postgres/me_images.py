"""The tables ``me_images`` and ``primary_slots``."""

from collections.abc import Sequence
from datetime import datetime

from service.adapters.postgres.database import Executor, Row
from service.adapters.postgres.media import media_record
from service.domain.model import Kind, MeImageId, Slot, Usage, UserId
from service.ports.records import ListFilter, ListPosition, LockedUser, MeImageRecord, NewMeImageRecord
from service.ports.sealing import WrappedKey

_SELECT = """
    SELECT i.me_image_id, i.kind, i.ai_reference, i.show_in_profile, i.sealed_text, i.revision,
           i.created_at, i.updated_at, u.wrapped_key,
           m.media_id, m.content_type, m.size_bytes, m.width, m.height, m.sealed_facts,
           m.created_at AS media_created_at,
           ARRAY(SELECT slot FROM primary_slots s
                 WHERE s.user_id = i.user_id AND s.me_image_id = i.me_image_id) AS slots
    FROM me_images i JOIN media m USING (user_id, media_id) JOIN users u USING (user_id)
"""
_FIND = f"{_SELECT} WHERE i.user_id = $1 AND i.me_image_id = $2"
_NEWEST = f"""{_SELECT}
    WHERE i.user_id = $1
    AND (cardinality($2::text[]) = 0 OR i.kind = ANY ($2)) AND (NOT $3 OR i.ai_reference)
    AND ($4::timestamptz IS NULL OR (i.created_at, i.me_image_id) < ($4, $5::uuid))
    ORDER BY i.created_at DESC, i.me_image_id DESC LIMIT $6
"""
_ADD = """
    INSERT INTO me_images (user_id, me_image_id, media_id, kind, ai_reference, show_in_profile, sealed_text, revision,
                           created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
"""
_CLAIM_MEDIA = "UPDATE media SET idle_since = NULL WHERE user_id = $1 AND media_id = $2"
_FORMER_HOLDERS = """
    UPDATE me_images i SET revision = $2, updated_at = $5 FROM primary_slots s
    WHERE s.user_id = $1 AND s.slot = ANY ($3::text[]) AND s.me_image_id <> $4
    AND i.user_id = s.user_id AND i.me_image_id = s.me_image_id
"""
_CLAIM_SLOTS = """
    INSERT INTO primary_slots (user_id, slot, me_image_id) SELECT $1, slot, $3 FROM unnest($2::text[]) AS slot
    ON CONFLICT (user_id, slot) DO UPDATE SET me_image_id = excluded.me_image_id
"""
_ENUM_ORDER = {slot.value: place for place, slot in enumerate(Slot)}


class MeImages:
    """Statements on ``me_images`` and ``primary_slots``."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    async def me_image(self, user_id: UserId, me_image_id: MeImageId) -> tuple[WrappedKey, MeImageRecord] | None:
        """See Store."""
        row = await self._db.fetchrow(_FIND, user_id, me_image_id)
        return (WrappedKey(row["wrapped_key"]), _record(user_id, row)) if row else None

    async def me_images(
        self, user_id: UserId, which: ListFilter, after: ListPosition | None, limit: int
    ) -> tuple[WrappedKey | None, list[MeImageRecord]]:
        """See Store."""
        position = (after.created_at, after.me_image_id) if after else (None, None)
        rows = await self._db.fetch(_NEWEST, user_id, which.kinds, which.ai_reference_only, *position, limit)
        return WrappedKey(rows[0]["wrapped_key"]) if rows else None, [_record(user_id, row) for row in rows]

    async def add_me_image(self, user: LockedUser, me_image: NewMeImageRecord) -> None:
        """See Transaction."""
        await self._db.execute(
            _ADD,
            user.user_id,
            me_image.me_image_id,
            me_image.media_id,
            me_image.kind,
            me_image.usage.ai_reference,
            me_image.usage.show_in_profile,
            me_image.sealed_text,
            user.revision,
            me_image.created_at,
        )
        await self._db.execute(_CLAIM_MEDIA, user.user_id, me_image.media_id)

    async def claim_slots(self, user: LockedUser, slots: Sequence[Slot], me_image_id: MeImageId, at: datetime) -> None:
        """See Transaction."""
        if slots:
            await self._db.execute(_FORMER_HOLDERS, user.user_id, user.revision, slots, me_image_id, at)
            await self._db.execute(_CLAIM_SLOTS, user.user_id, slots, me_image_id)


def _record(user_id: UserId, row: Row) -> MeImageRecord:
    return MeImageRecord(
        user_id=user_id,
        me_image_id=row["me_image_id"],
        kind=Kind(row["kind"]),
        usage=Usage(row["ai_reference"], row["show_in_profile"]),
        slots=tuple(Slot(name) for name in sorted(row["slots"], key=_ENUM_ORDER.__getitem__)),
        sealed_text=row["sealed_text"],
        revision=row["revision"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        media=media_record(row, "media_"),
    )
