"""The table ``ledger``: entries are added and read, and the application's role can do nothing else to them."""

from service.adapters.postgres.database import Executor, Row, as_user
from service.domain.ledger import LedgerEntry, LedgerKind
from service.domain.model import UserId

_COLUMNS = "user_id, sequence, kind, at, caller, me_image_id, previous_hash, hash"
_LAST = f"SELECT {_COLUMNS} FROM ledger WHERE user_id = $1 ORDER BY sequence DESC LIMIT 1"
_ADD = f"INSERT INTO ledger ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
_NEWEST = as_user(f"""
    SELECT {_COLUMNS.replace("user_id", "l.user_id")} FROM ledger l
    WHERE l.user_id = me.user_id AND ($2::integer IS NULL OR sequence < $2) ORDER BY sequence DESC LIMIT $3
""")


class Ledger:
    """Statements on ``ledger``."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    async def last_entry(self, user_id: UserId) -> LedgerEntry | None:
        """See Transaction."""
        row = await self._db.fetchrow(_LAST, user_id)
        return _entry(row) if row else None

    async def add_entry(self, entry: LedgerEntry) -> None:
        """See Transaction."""
        await self._db.execute(
            _ADD,
            entry.user_id,
            entry.sequence,
            entry.kind,
            entry.at,
            entry.caller,
            entry.me_image_id,
            entry.previous_hash,
            entry.hash,
        )

    async def entries(self, user_id: UserId, before: int | None, limit: int) -> list[LedgerEntry]:
        """See Store."""
        return [_entry(row) for row in await self._db.fetch(_NEWEST, user_id, before, limit)]


def _entry(row: Row) -> LedgerEntry:
    return LedgerEntry(**dict(row) | {"kind": LedgerKind(row["kind"])})
