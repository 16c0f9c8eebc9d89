"""Changing what a person wrote about a me-image, and whether profiles may show it."""

from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from service.domain.errors import MeImageDeleted
from service.domain.events import MeImageUpdated
from service.domain.model import Kind, MeImage
from service.ports.records import MeImageRecord
from service.usecases.answers import Retryable
from service.usecases.mutation import Mutation, Target, change_me_image
from service.usecases.world import World

UPDATE = Retryable("UpdateMeImage", TypeAdapter(MeImage))


@dataclass(frozen=True, slots=True)
class Changes:
    """New values; None leaves a value as it is."""

    kind: Kind | None = None
    label: str | None = None
    tags: tuple[str, ...] | None = None
    show_in_profile: bool | None = None


async def update_me_image(world: World, target: Target, changes: Changes) -> MeImage:
    """Change a me-image. Raises what ``change_me_image`` raises, and MeImageDeleted."""

    async def work(change: Mutation, record: MeImageRecord) -> MeImage:
        if record.deleted_at is not None:
            raise MeImageDeleted
        label, tags = change.seals.text(record)
        now = Changes(record.kind, label, tags, record.usage.show_in_profile)
        paths = _changed_paths(now, changes)
        if paths:
            record = await change.tx.change_me_image(change.user, _changed(change, record, now, changes), change.at)
            change.tell(MeImageUpdated(paths), record.me_image_id)
        return change.seals.me_image(record)

    return await change_me_image(world, UPDATE, target, changes, work)


def _changed_paths(now: Changes, new: Changes) -> tuple[str, ...]:
    """Name what really changes as the update mask does."""
    pairs = {
        "kind": (now.kind, new.kind),
        "label": (now.label, new.label),
        "tags": (now.tags, new.tags),
        "usage.show_in_profile": (now.show_in_profile, new.show_in_profile),
    }
    return tuple(path for path, (before, after) in pairs.items() if after is not None and after != before)


def _changed(change: Mutation, record: MeImageRecord, now: Changes, new: Changes) -> MeImageRecord:
    label = now.label if new.label is None else new.label
    tags = now.tags if new.tags is None else new.tags
    shown = record.usage.show_in_profile if new.show_in_profile is None else new.show_in_profile
    return replace(
        record,
        kind=new.kind or record.kind,
        usage=replace(record.usage, show_in_profile=shown),
        sealed_text=change.seals.seal_text(record.me_image_id, label or "", tags or ()),
    )
