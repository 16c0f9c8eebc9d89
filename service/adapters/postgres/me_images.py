"""The tables ``me_images`` and ``primary_slots``."""

from dataclasses import replace
from datetime import datetime

from service.adapters.postgres.database import Executor, Row, as_user
from service.adapters.postgres.media import media_record
from service.adapters.postgres.users import held_key
from service.domain.model import Kind, MeImageId, PrimaryRule, Slot, Usage, UserId
from service.ports.records import ListFilter, ListPosition, LockedUser, MeImageRecord, NewMeImageRecord
from service.ports.sealing import WrappedKey

_COLUMNS = """
    i.me_image_id, i.kind, i.ai_reference, i.show_in_profile, i.sealed_text, i.revision,
    i.created_at, i.updated_at, i.deleted_at, i.purge_at, u.wrapped_key,
    m.media_id, m.content_type, m.size_bytes, m.width, m.height, m.sealed_facts, m.created_at AS media_created_at,
    ARRAY(SELECT slot FROM primary_slots s WHERE s.user_id = i.user_id AND s.me_image_id = i.me_image_id) AS slots
"""
_TABLES = "me_images i JOIN media m USING (user_id, media_id) JOIN users u USING (user_id)"
_FIND = as_user(f"SELECT {_COLUMNS} FROM {_TABLES} WHERE i.user_id = me.user_id AND i.me_image_id = $2")
# One statement sees one state of the tables, so this needs the lock that Database.transaction took before it.
_LOCK = f"""
    WITH u AS (UPDATE users SET revision = revision + 1 WHERE user_id = $1 RETURNING user_id, revision, wrapped_key)
    SELECT u.revision AS user_revision, {_COLUMNS}
    FROM u LEFT JOIN (me_images i JOIN media m USING (user_id, media_id))
    ON i.user_id = u.user_id AND i.me_image_id = $2
"""
_NEWEST = as_user(f"""
    SELECT {_COLUMNS} FROM {_TABLES} WHERE i.user_id = me.user_id
    AND (cardinality($2::text[]) = 0 OR i.kind = ANY ($2)) AND (NOT $3 OR i.ai_reference)
    AND ($4 OR i.deleted_at IS NULL)
    AND ($5::timestamptz IS NULL OR (i.created_at, i.me_image_id) < ($5, $6::uuid))
    ORDER BY i.created_at DESC, i.me_image_id DESC LIMIT $7
""")
# The rules in their order: a holder of the slot; for AVATAR, the holder of FACE_REF; then the newest that is shown.
_PRIMARY = as_user(f"""
    SELECT {_COLUMNS}, rule.name AS rule FROM {_TABLES} LEFT JOIN primary_slots p USING (user_id, me_image_id),
    LATERAL (SELECT CASE WHEN p.slot = $2 THEN 'HOLDER' WHEN p.slot = 'FACE_REF' THEN 'FACE_REF_HOLDER'
                         WHEN i.show_in_profile THEN 'NEWEST_SHOWN' END AS name) AS rule
    WHERE i.user_id = me.user_id AND i.deleted_at IS NULL
    AND rule.name IS NOT NULL AND (rule.name = 'HOLDER' OR $2 = 'AVATAR')
    ORDER BY array_position(ARRAY['HOLDER', 'FACE_REF_HOLDER', 'NEWEST_SHOWN'], rule.name),
             i.created_at DESC, i.me_image_id DESC LIMIT 1
""")
_COUNT = "SELECT count(*) AS count FROM me_images WHERE user_id = $1"
_ADD = """
    INSERT INTO me_images (user_id, me_image_id, media_id, kind, ai_reference, show_in_profile, sealed_text, revision,
                           created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
"""
_CLAIM_MEDIA = "UPDATE media SET idle_since = NULL WHERE user_id = $1 AND media_id = $2"
_CHANGE = """
    UPDATE me_images SET kind = $3, ai_reference = $4, show_in_profile = $5, sealed_text = $6,
                         deleted_at = $7, purge_at = $8, revision = $9, updated_at = $10
    WHERE user_id = $1 AND me_image_id = $2
"""
_REMOVE = "DELETE FROM me_images WHERE user_id = $1 AND me_image_id = $2 RETURNING media_id"
_UNUSED = """
    UPDATE media m SET state = 'condemned', idle_since = $3 WHERE user_id = $1 AND media_id = $2
    AND NOT EXISTS (SELECT FROM me_images i WHERE i.user_id = $1 AND i.media_id = $2)
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

    async def lock_me_image(
        self, user_id: UserId, me_image_id: MeImageId
    ) -> tuple[LockedUser, MeImageRecord | None] | None:
        """See Transaction."""
        row = await self._db.fetchrow(_LOCK, user_id, me_image_id)
        if row is None:
            return None
        user = LockedUser(user_id, row["user_revision"], held_key(row))
        return user, _record(user_id, row) if row["me_image_id"] else None

    async def me_images(
        self, user_id: UserId, which: ListFilter, after: ListPosition | None, limit: int
    ) -> tuple[WrappedKey | None, list[MeImageRecord]]:
        """See Store."""
        position = (after.created_at, after.me_image_id) if after else (None, None)
        chosen = (which.kinds, which.ai_reference_only, which.include_deleted)
        rows = await self._db.fetch(_NEWEST, user_id, *chosen, *position, limit)
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

    async def primary(self, user_id: UserId, slot: Slot) -> tuple[WrappedKey, MeImageRecord, PrimaryRule] | None:
        """See Store."""
        row = await self._db.fetchrow(_PRIMARY, user_id, slot)
        if row is None:
            return None
        return WrappedKey(row["wrapped_key"]), _record(user_id, row), PrimaryRule(row["rule"])

    async def count_me_images(self, user_id: UserId) -> int:
        """See Transaction."""
        row = await self._db.fetchrow(_COUNT, user_id)
        return int(row["count"]) if row else 0

    async def change_me_image(self, user: LockedUser, me_image: MeImageRecord, at: datetime) -> MeImageRecord:
        """See Transaction."""
        await self._db.execute(
            _CHANGE,
            user.user_id,
            me_image.me_image_id,
            me_image.kind,
            me_image.usage.ai_reference,
            me_image.usage.show_in_profile,
            me_image.sealed_text,
            me_image.deleted_at,
            me_image.purge_at,
            user.revision,
            at,
        )
        return replace(me_image, revision=user.revision, updated_at=at)

    async def remove_me_image(self, user_id: UserId, me_image_id: MeImageId, at: datetime) -> None:
        """See Transaction."""
        row = await self._db.fetchrow(_REMOVE, user_id, me_image_id)
        if row is not None:
            await self._db.execute(_UNUSED, user_id, row["media_id"], at)


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
        deleted_at=row["deleted_at"],
        purge_at=row["purge_at"],
        media=media_record(row, "media_"),
    )
