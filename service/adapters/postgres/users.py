"""The table ``users``: the lock, the revision and the wrapped key."""

from datetime import datetime

from service.adapters.postgres.database import Executor
from service.domain.model import UserId
from service.ports.records import LockedUser
from service.ports.sealing import WrappedKey

_LOCK = """
    INSERT INTO users AS u (user_id, revision, wrapped_key, created_at) VALUES ($1, 1, $2, $3)
    ON CONFLICT (user_id) DO UPDATE SET revision = u.revision + 1
    RETURNING revision, wrapped_key
"""
_LOCK_KNOWN = "UPDATE users SET revision = revision + 1 WHERE user_id = $1 RETURNING revision, wrapped_key"
_KEY = "SELECT wrapped_key FROM users WHERE user_id = $1"


class Users:
    """Statements on ``users``."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    async def lock_user(self, user_id: UserId, fresh_key: WrappedKey, at: datetime) -> LockedUser:
        """See Transaction."""
        row = await self._db.fetchrow(_LOCK, user_id, fresh_key.blob, at)
        assert row is not None  # noqa: S101 # an upsert without condition always returns its row
        return LockedUser(user_id, row["revision"], WrappedKey(row["wrapped_key"]))

    async def lock_known_user(self, user_id: UserId) -> LockedUser | None:
        """See Transaction."""
        row = await self._db.fetchrow(_LOCK_KNOWN, user_id)
        return LockedUser(user_id, row["revision"], WrappedKey(row["wrapped_key"])) if row else None

    async def user_key(self, user_id: UserId) -> WrappedKey | None:
        """See Store."""
        row = await self._db.fetchrow(_KEY, user_id)
        return WrappedKey(row["wrapped_key"]) if row else None
