"""Erasing a user: everything goes but the tombstone, and the media until upkeep has removed their objects."""

from datetime import datetime

from service.adapters.postgres.database import Executor
from service.domain.model import UserId
from service.ports.administration import ErasableUser
from service.ports.sealing import WrappedKey

_HELD = """
    SELECT u.wrapped_key, u.certificate, u.certificate_filed_at IS NOT NULL AS is_filed,
           (SELECT count(*) FROM me_images WHERE user_id = $1) AS me_images,
           (SELECT count(*) FROM media WHERE user_id = $1) AS media,
           (SELECT count(*) FROM ledger WHERE user_id = $1) AS ledger_entries,
           (SELECT hash FROM ledger WHERE user_id = $1 ORDER BY sequence DESC LIMIT 1) AS ledger_head
    FROM (SELECT) AS always LEFT JOIN users u ON u.user_id = $1
"""
_TOMBSTONE = """
    INSERT INTO users AS u (user_id, revision, created_at, references_enabled, erased_at, certificate)
    VALUES ($1, 1, $2, false, $2, $3)
    ON CONFLICT (user_id) DO UPDATE SET revision = u.revision + 1, wrapped_key = NULL, references_enabled = false,
                                        ai_settings_at = NULL, erased_at = $2, certificate = $3
    RETURNING revision
"""
_REMOVE = (
    "DELETE FROM primary_slots WHERE user_id = $1",
    "DELETE FROM me_images WHERE user_id = $1",
    "DELETE FROM requests WHERE user_id = $1",
    "DELETE FROM events WHERE user_id = $1",
    "SELECT forget_ledger($1)",
)
# Pending media may still be put by an upload that has not noticed: they go when they are too old, as they always do.
_CONDEMN = "UPDATE media SET state = 'condemned', idle_since = $2 WHERE user_id = $1 AND state = 'ready'"
_FILED = "UPDATE users SET certificate_filed_at = $2 WHERE user_id = $1 AND erased_at IS NOT NULL"


class Erasures:
    """Statements of an erasure."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    async def erasable_user(self, user_id: UserId) -> ErasableUser:
        """See Transaction."""
        row = await self._db.fetchrow(_HELD, user_id)
        assert row is not None  # noqa: S101 # the table on the left always has its row
        wrapped = row["wrapped_key"]
        return ErasableUser(
            wrapped_key=None if wrapped is None else WrappedKey(wrapped),
            certificate=row["certificate"],
            is_filed=row["is_filed"],
            me_images=row["me_images"],
            media=row["media"],
            ledger_entries=row["ledger_entries"],
            ledger_head=row["ledger_head"],
        )

    async def erase_user(self, user_id: UserId, at: datetime, certificate: str) -> int:
        """See Transaction."""
        row = await self._db.fetchrow(_TOMBSTONE, user_id, at, certificate)
        assert row is not None  # noqa: S101 # an upsert without condition always returns its row
        for statement in _REMOVE:
            await self._db.execute(statement, user_id)
        await self._db.execute(_CONDEMN, user_id, at)
        return int(row["revision"])

    async def certificate_filed(self, user_id: UserId, at: datetime) -> None:
        """See Transaction."""
        await self._db.execute(_FILED, user_id, at)
