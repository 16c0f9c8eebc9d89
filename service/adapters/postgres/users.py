"""The table ``users``: the lock, the revision, the wrapped key and the panic switch."""

from datetime import datetime

from service.adapters.postgres.database import Executor, Row, as_user
from service.domain.errors import UserErased
from service.domain.model import AiSettings, UserId
from service.ports.records import LockedUser
from service.ports.sealing import WrappedKey

_LOCK = """
    INSERT INTO users AS u (user_id, revision, wrapped_key, created_at) VALUES ($1, 1, $2, $3)
    ON CONFLICT (user_id) DO UPDATE SET revision = u.revision + 1
    RETURNING revision, wrapped_key
"""
_LOCK_KNOWN = "UPDATE users SET revision = revision + 1 WHERE user_id = $1 RETURNING revision, wrapped_key"
_KEY = as_user("SELECT wrapped_key FROM users u WHERE u.user_id = me.user_id")
_SETTINGS = as_user("""
    SELECT references_enabled, ai_settings_at, erased_at IS NOT NULL AS is_erased FROM users u
    WHERE u.user_id = me.user_id
""")
_SWITCH = "UPDATE users SET references_enabled = $2, ai_settings_at = $3 WHERE user_id = $1"


class Users:
    """Statements on ``users``."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    async def lock_user(self, user_id: UserId, fresh_key: WrappedKey, at: datetime) -> LockedUser:
        """See Transaction."""
        row = await self._db.fetchrow(_LOCK, user_id, fresh_key.blob, at)
        assert row is not None  # noqa: S101 # an upsert without condition always returns its row
        return LockedUser(user_id, row["revision"], held_key(row))

    async def lock_known_user(self, user_id: UserId) -> LockedUser | None:
        """See Transaction."""
        row = await self._db.fetchrow(_LOCK_KNOWN, user_id)
        return LockedUser(user_id, row["revision"], held_key(row)) if row else None

    async def user_key(self, user_id: UserId) -> WrappedKey | None:
        """See Store."""
        row = await self._db.fetchrow(_KEY, user_id)
        return held_key(row) if row else None

    async def ai_settings(self, user_id: UserId) -> AiSettings:
        """See Store."""
        row = await self._db.fetchrow(_SETTINGS, user_id)
        if row is None:
            return AiSettings()
        if row["is_erased"]:
            raise UserErased
        return AiSettings(row["references_enabled"], row["ai_settings_at"])

    async def switch_references(self, user_id: UserId, settings: AiSettings) -> None:
        """See Transaction."""
        await self._db.execute(_SWITCH, user_id, settings.references_enabled, settings.updated_at)


def held_key(row: Row) -> WrappedKey:
    """Return the key of a user's row. Raises UserErased where a tombstone stands in its place."""
    if row["wrapped_key"] is None:
        raise UserErased
    return WrappedKey(row["wrapped_key"])
