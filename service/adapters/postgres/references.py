"""Me-images as a release sees them: one statement over the person's settings, me-images, media and renditions."""

from service.adapters.postgres.database import Executor, Row, as_user
from service.adapters.postgres.media import media_record
from service.adapters.postgres.renditions import rendition_record
from service.adapters.postgres.users import held_key
from service.domain.errors import UserErased
from service.domain.ledger import LedgerHead
from service.domain.model import Kind, Rendition, Slot, UserId
from service.domain.references import Candidate, Selection
from service.ports.records import LockedReferences, LockedUser, ReferenceRecord, References

_COLUMNS = """
    NOT u.references_enabled AS paused, u.wrapped_key IS NULL AS is_erased,
    i.me_image_id, i.kind, i.ai_reference, i.deleted_at IS NOT NULL AS is_deleted, i.created_at,
    ARRAY(SELECT slot FROM primary_slots s WHERE s.user_id = u.user_id AND s.me_image_id = i.me_image_id) AS slots,
    m.media_id, m.content_type, m.size_bytes, m.width, m.height, m.sealed_facts, m.created_at AS media_created_at,
    r.rendition, r.variant, r.content_type AS made_content_type, r.size_bytes AS made_size_bytes,
    r.width AS made_width, r.height AS made_height, r.sealed_facts AS made_sealed_facts
"""
# The person's own row is there whatever is selected: it says whether all use is paused.
_THEIRS = """
    LEFT JOIN me_images i ON i.user_id = u.user_id AND (
        i.me_image_id = ANY ($2::uuid[])
        OR i.me_image_id IN (SELECT s.me_image_id FROM primary_slots s WHERE s.user_id = u.user_id AND slot = ANY ($3))
        OR ($4 AND i.ai_reference AND (cardinality($5::text[]) = 0 OR i.kind = ANY ($5)))
    )
    LEFT JOIN media m ON m.user_id = i.user_id AND m.media_id = i.media_id
    LEFT JOIN renditions r
    ON r.user_id = m.user_id AND r.media_id = m.media_id AND r.rendition = $6 AND r.state = 'ready'
"""
_SELECTED = as_user(f"SELECT {_COLUMNS} FROM users u {_THEIRS} WHERE u.user_id = me.user_id")
# One statement sees one state of the tables, so this needs the lock that Database.transaction took before it.
_LOCK = f"""
    WITH u AS (
        UPDATE users SET revision = revision + 1 WHERE user_id = $1
        RETURNING user_id, revision, wrapped_key, references_enabled
    )
    SELECT u.revision, u.wrapped_key, head.sequence, head.hash, {_COLUMNS}
    FROM u LEFT JOIN LATERAL (
        SELECT sequence, hash FROM ledger l WHERE l.user_id = u.user_id ORDER BY sequence DESC LIMIT 1
    ) AS head ON true {_THEIRS}
"""


class ReferenceRows:
    """The statements of a release."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    async def references(self, user_id: UserId, selection: Selection, rendition: Rendition) -> References:
        """See Store."""
        return _references(await self._db.fetch(_SELECTED, user_id, *_asked(selection, rendition)))

    async def lock_references(
        self, user_id: UserId, selection: Selection, rendition: Rendition
    ) -> LockedReferences | None:
        """See Transaction."""
        rows = await self._db.fetch(_LOCK, user_id, *_asked(selection, rendition))
        if not rows:
            return None
        first = rows[0]
        user = LockedUser(user_id, first["revision"], held_key(first))
        head = LedgerHead() if first["hash"] is None else LedgerHead(first["sequence"], first["hash"])
        return LockedReferences(user, head, _references(rows))


def _asked(selection: Selection, rendition: Rendition) -> tuple[object, ...]:
    by_kind = selection.by_kind
    offered = (by_kind is not None, by_kind.kinds if by_kind else ())
    return (selection.me_image_ids, selection.slots, *offered, rendition)


def _references(rows: list[Row]) -> References:
    if any(row["is_erased"] for row in rows):
        raise UserErased
    paused = any(row["paused"] for row in rows)
    return References(paused, tuple(_record(row) for row in rows if row["me_image_id"] is not None))


def _record(row: Row) -> ReferenceRecord:
    candidate = Candidate(
        me_image_id=row["me_image_id"],
        kind=Kind(row["kind"]),
        slots=tuple(slot for slot in Slot if slot in row["slots"]),
        ai_reference=row["ai_reference"],
        is_deleted=row["is_deleted"],
        created_at=row["created_at"],
    )
    made = rendition_record(row, "made_") if row["rendition"] else None
    return ReferenceRecord(candidate, media_record(row, "media_"), made)
