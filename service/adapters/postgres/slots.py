"""The table ``primary_slots``: at most one holder of each slot, by primary key."""

from collections.abc import Sequence
from datetime import datetime

from service.adapters.postgres.database import Executor, Row
from service.domain.model import MeImageId, Slot, UserId
from service.ports.records import LockedUser

_HOLDERS = "SELECT slot, me_image_id FROM primary_slots WHERE user_id = $1"
_TOUCH = """
    UPDATE me_images SET revision = $2, updated_at = $3 WHERE user_id = $1 AND me_image_id = ANY ($4::uuid[])
"""
# All parts see the tables as they were before, so the former holders are those whom the upsert replaces.
_CLAIM = """
    WITH former AS (SELECT slot, me_image_id FROM primary_slots WHERE user_id = $1 AND slot = ANY ($2::text[])),
    claimed AS (
        INSERT INTO primary_slots (user_id, slot, me_image_id) SELECT $1, slot, $3 FROM unnest($2::text[]) AS slot
        ON CONFLICT (user_id, slot) DO UPDATE SET me_image_id = excluded.me_image_id
    ),
    touched AS (
        UPDATE me_images SET revision = $4, updated_at = $5
        WHERE user_id = $1 AND (me_image_id = $3 OR me_image_id IN (SELECT me_image_id FROM former))
    )
    SELECT slot, me_image_id FROM former
"""
_LEAVE = "DELETE FROM primary_slots WHERE user_id = $1 AND slot = ANY ($2::text[])"


class Slots:
    """Statements on ``primary_slots``."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    async def holders(self, user_id: UserId) -> dict[Slot, MeImageId]:
        """See Transaction."""
        return _by_slot(await self._db.fetch(_HOLDERS, user_id))

    async def claim_slots(
        self, user: LockedUser, slots: Sequence[Slot], me_image_id: MeImageId, at: datetime
    ) -> dict[Slot, MeImageId]:
        """See Transaction."""
        return _by_slot(await self._db.fetch(_CLAIM, user.user_id, slots, me_image_id, user.revision, at))

    async def empty_slots(self, user_id: UserId, slots: Sequence[Slot]) -> None:
        """See Transaction."""
        await self._db.execute(_LEAVE, user_id, slots)

    async def touch(self, user: LockedUser, me_image_ids: Sequence[MeImageId], at: datetime) -> None:
        """See Transaction."""
        await self._db.execute(_TOUCH, user.user_id, user.revision, at, me_image_ids)


def _by_slot(rows: Sequence[Row]) -> dict[Slot, MeImageId]:
    return {Slot(row["slot"]): row["me_image_id"] for row in rows}
