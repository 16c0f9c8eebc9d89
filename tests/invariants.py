"""What must always hold of a person's pool (DESIGN section 3), checked past the service."""

from dataclasses import dataclass, field
from itertools import pairwise

import asyncpg
from meimage.v1 import event_pb2
from meimage.v1 import me_image_pb2 as pb

from service.domain.objects import ORIGINAL, PREFIX
from tests import rules
from tests.chain import first_break
from tests.people import Person
from tests.replay import replayed
from tests.stored import Stored


@dataclass
class Pool:
    """What a pool holds: of each me-image its kind, who is opted in or deleted, and who holds which slot."""

    kinds: dict[str, str] = field(default_factory=dict)
    opted_in: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    holders: dict[str, str] = field(default_factory=dict)
    references_enabled: bool = True

    @classmethod
    def told(cls, events: list[event_pb2.MeImageEvent]) -> "Pool":
        """Build what events tell; fails where one tells what cannot follow from those before it."""
        pool = cls()
        for event in events:
            pool._apply(event)
        return pool

    def _apply(self, event: event_pb2.MeImageEvent) -> None:
        of = event.me_image_id
        match event.WhichOneof("fact"):
            case "added":
                assert of not in self.kinds
                self.kinds[of] = pb.Kind.Name(event.added.kind).removeprefix("KIND_")
            case "updated":
                assert of in self.kinds
                assert event.updated.changed_paths
            case "ai_reference_toggled":
                assert event.ai_reference_toggled.enabled is (of not in self.opted_in)
                self.opted_in ^= {of}
            case "primary_changed":
                changed = event.primary_changed
                slot = pb.Slot.Name(changed.slot).removeprefix("SLOT_")
                assert self.holders.get(slot, "") == changed.previous_me_image_id != changed.me_image_id
                self.holders[slot] = changed.me_image_id
                if not changed.me_image_id:
                    del self.holders[slot]
            case "deleted":
                assert of in self.kinds.keys() - self.deleted - self.opted_in - set(self.holders.values())
                self.deleted.add(of)
            case "restored":
                self.deleted.remove(of)
            case "purged":
                self.deleted.remove(of)
                del self.kinds[of]
            case "ai_settings_changed":
                assert event.ai_settings_changed.references_enabled is not self.references_enabled
                self.references_enabled = not self.references_enabled
            case other:
                raise AssertionError(other)


async def sound(who: Person, database: "asyncpg.Connection[asyncpg.Record]") -> Pool:
    """Check everything of one person; return the pool as the database has it."""
    rows = await database.fetch("SELECT * FROM me_images WHERE user_id = $1", who.user_id)
    slots = await database.fetch("SELECT slot, me_image_id FROM primary_slots WHERE user_id = $1", who.user_id)
    user = await database.fetchrow("SELECT * FROM users WHERE user_id = $1", who.user_id)
    pool = Pool(
        kinds={str(row["me_image_id"]): row["kind"] for row in rows},
        opted_in={str(row["me_image_id"]) for row in rows if row["ai_reference"]},
        deleted={str(row["me_image_id"]) for row in rows if row["deleted_at"]},
        holders={row["slot"]: str(row["me_image_id"]) for row in slots},
        references_enabled=user["references_enabled"] if user else True,
    )
    assert not pool.deleted & (pool.opted_in | set(pool.holders.values()))
    events = await rules.events(who)
    assert _but_for_kinds(Pool.told(events)) == _but_for_kinds(pool)
    revisions = [event.revision for event in events]
    assert all(before <= after for before, after in pairwise(revisions))
    assert len({event.event_id for event in events}) == len(events)
    assert max([*revisions, *(row["revision"] for row in rows), 0]) <= (user["revision"] if user else 0)
    assert await _consents(who) == pool.opted_in
    return pool


async def kept_whole(stored: Stored) -> None:
    """Check, while nothing is under way, that the objects in the bucket are those that rows name, of everybody."""
    rows = await stored.database.fetch(_NAMED)
    ready = {row["key"] for row in rows if row["is_ready"]}
    found = stored.keys()
    assert found <= {row["key"] for row in rows}, "an object that no row names"
    assert ready <= found, "a row that is ready without its object"


_NAMED = f"""
    SELECT '{PREFIX}' || media_id || '/{ORIGINAL}' AS key, state = 'ready' AS is_ready FROM media
    UNION ALL
    SELECT '{PREFIX}' || r.media_id || '/' || r.variant, r.state = 'ready' AND m.state = 'ready'
    FROM renditions r JOIN media m USING (user_id, media_id)
"""  # noqa: S608 # constants


def _but_for_kinds(pool: Pool) -> tuple[object, ...]:
    """An event tells the kind at first, and later only that it changed."""
    return (set(pool.kinds), pool.opted_in, pool.deleted, pool.holders, pool.references_enabled)


async def _consents(who: Person) -> set[str]:
    """Return whose last consent in the ledger is one that was given; it is intact, and no release went without."""
    entries = await rules.entries(who)
    assert first_break(entries) is None
    return replayed(entries).given
