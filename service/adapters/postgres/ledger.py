"""The table ``ledger``: entries are added and read, and the application's role can do nothing else to them."""

from collections.abc import Sequence

from service.adapters.postgres.database import Executor, Row, as_user
from service.domain.ledger import LedgerHead, LedgerKind
from service.domain.model import MeImageId, UserId
from service.ports.records import LedgerFilter, LedgerRecord, SealedRelease

LEDGER_COLUMNS = "sequence, kind, at, caller, me_image_id, previous_hash, hash, generator, released, sealed_release"
_HEAD = "SELECT sequence, hash FROM ledger WHERE user_id = $1 ORDER BY sequence DESC LIMIT 1"
_ADD = f"INSERT INTO ledger (user_id, {LEDGER_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
_NEWEST = as_user(f"""
    SELECT {LEDGER_COLUMNS} FROM ledger l
    WHERE l.user_id = me.user_id AND ($2::integer IS NULL OR sequence < $2)
    AND (cardinality($3::text[]) = 0 OR kind = ANY ($3))
    AND ($4::uuid IS NULL OR me_image_id = $4 OR $4 = ANY (released))
    AND ($5::text IS NULL OR generator = $5) AND ($6::text IS NULL OR caller = $6)
    ORDER BY sequence DESC LIMIT $7
""")
_ENDED = """
    SELECT DISTINCT kind, me_image_id FROM ledger WHERE user_id = $1 AND sequence > $2 AND (
        kind = 'REFERENCES_PAUSED' OR (kind = 'CONSENT_WITHDRAWN' AND me_image_id = ANY ($3::uuid[]))
    )
"""


class Ledger:
    """Statements on ``ledger``."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    async def ledger_head(self, user_id: UserId) -> LedgerHead:
        """See Transaction."""
        row = await self._db.fetchrow(_HEAD, user_id)
        return LedgerHead(row["sequence"], row["hash"]) if row else LedgerHead()

    async def add_entry(self, entry: LedgerRecord) -> None:
        """See Transaction."""
        release = entry.release
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
            *((release.generator, release.me_image_ids, release.sealed) if release else (None, None, None)),
        )

    async def entries(self, user_id: UserId, which: LedgerFilter, before: int | None, limit: int) -> list[LedgerRecord]:
        """See Store."""
        chosen = (which.kinds, which.me_image_id, which.generator, which.caller)
        return [ledger_record(user_id, row) for row in await self._db.fetch(_NEWEST, user_id, before, *chosen, limit)]

    async def ended_consents(
        self, user_id: UserId, since: int, me_image_ids: Sequence[MeImageId]
    ) -> tuple[set[MeImageId], bool]:
        """See Transaction."""
        rows = await self._db.fetch(_ENDED, user_id, since, me_image_ids)
        withdrawn = {row["me_image_id"] for row in rows if row["kind"] == LedgerKind.CONSENT_WITHDRAWN}
        return withdrawn, any(row["kind"] == LedgerKind.REFERENCES_PAUSED for row in rows)


def ledger_record(user_id: UserId, row: Row) -> LedgerRecord:
    """Map the columns of LEDGER_COLUMNS."""
    sealed = row["sealed_release"]
    return LedgerRecord(
        user_id=user_id,
        sequence=row["sequence"],
        kind=LedgerKind(row["kind"]),
        at=row["at"],
        caller=row["caller"],
        me_image_id=row["me_image_id"],
        previous_hash=row["previous_hash"],
        hash=row["hash"],
        release=None if sealed is None else SealedRelease(row["generator"], tuple(row["released"]), sealed),
    )
