"""Me-images as a release sees them: one statement over the person's settings, me-images, media and renditions."""

from service.adapters.postgres.database import Executor, Row, as_user
from service.adapters.postgres.media import media_record
from service.adapters.postgres.renditions import rendition_record
from service.domain.errors import UserErased
from service.domain.model import Kind, Rendition, Slot, UserId
from service.domain.references import Candidate, Selection
from service.ports.records import ReferenceRecord, References

# The person's own row is there whatever is selected: it says whether all use is paused.
_SELECTED = as_user("""
    SELECT NOT u.references_enabled AS paused, u.erased_at IS NOT NULL AS is_erased,
           i.me_image_id, i.kind, i.ai_reference, i.deleted_at IS NOT NULL AS is_deleted, i.created_at,
           ARRAY(SELECT slot FROM primary_slots s
                 WHERE s.user_id = u.user_id AND s.me_image_id = i.me_image_id) AS slots,
           m.media_id, m.content_type, m.size_bytes, m.width, m.height, m.sealed_facts,
           m.created_at AS media_created_at,
           r.rendition, r.variant, r.content_type AS made_content_type, r.size_bytes AS made_size_bytes,
           r.width AS made_width, r.height AS made_height, r.sealed_facts AS made_sealed_facts
    FROM users u
    LEFT JOIN me_images i ON i.user_id = u.user_id AND (
        i.me_image_id = ANY ($2::uuid[])
        OR i.me_image_id IN (SELECT s.me_image_id FROM primary_slots s WHERE s.user_id = u.user_id AND slot = ANY ($3))
        OR ($4 AND i.ai_reference AND (cardinality($5::text[]) = 0 OR i.kind = ANY ($5)))
    )
    LEFT JOIN media m ON m.user_id = i.user_id AND m.media_id = i.media_id
    LEFT JOIN renditions r
    ON r.user_id = m.user_id AND r.media_id = m.media_id AND r.rendition = $6 AND r.state = 'ready'
    WHERE u.user_id = me.user_id
""")


class ReferenceRows:
    """The statement of a release."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    async def references(self, user_id: UserId, selection: Selection, rendition: Rendition) -> References:
        """See Store."""
        by_kind = selection.by_kind
        named = (selection.me_image_ids, selection.slots)
        offered = (by_kind is not None, by_kind.kinds if by_kind else ())
        rows = await self._db.fetch(_SELECTED, user_id, *named, *offered, rendition)
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
