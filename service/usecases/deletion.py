"""Deleting a me-image, bringing it back, and removing it for good."""

from contextlib import suppress
from dataclasses import replace

from pydantic import TypeAdapter

from service.domain.callers import UPKEEP
from service.domain.errors import UserErased
from service.domain.events import MeImageDeleted, MeImagePurged, MeImageRestored
from service.domain.model import MeImage, MeImageId, UserId
from service.ports.records import MeImageRecord
from service.usecases.answers import Retryable
from service.usecases.consent import note_consent
from service.usecases.mutation import Mutation, Target, change_me_image, mutation_of_known
from service.usecases.primary import leave_slots
from service.usecases.world import World

DELETE = Retryable("DeleteMeImage", TypeAdapter(MeImage))
UNDELETE = Retryable("UndeleteMeImage", TypeAdapter(MeImage))


async def delete_me_image(world: World, target: Target) -> MeImage:
    """Take a me-image out of use at once. Raises what ``change_me_image`` raises."""

    async def work(change: Mutation, record: MeImageRecord) -> MeImage:
        if record.deleted_at is None:
            await leave_slots(change, record.slots, record.me_image_id)
            if record.usage.ai_reference:
                await note_consent(change, record.me_image_id, given=False)
            purge_at = change.at + world.policy.purge_after
            unused = replace(record.usage, ai_reference=False)
            deleted = replace(record, slots=(), usage=unused, deleted_at=change.at, purge_at=purge_at)
            record = await change.tx.change_me_image(change.user, deleted, change.at)
            change.tell(MeImageDeleted(purge_at), record.me_image_id)
        return change.seals.me_image(record)

    return await change_me_image(world, DELETE, target, None, work)


async def undelete_me_image(world: World, target: Target) -> MeImage:
    """Bring a deleted me-image back, not opted in and holding no slot. Raises what ``change_me_image`` raises."""

    async def work(change: Mutation, record: MeImageRecord) -> MeImage:
        if record.deleted_at is not None:
            restored = replace(record, deleted_at=None, purge_at=None)
            record = await change.tx.change_me_image(change.user, restored, change.at)
            change.tell(MeImageRestored(), record.me_image_id)
        return change.seals.me_image(record)

    return await change_me_image(world, UNDELETE, target, None, work)


async def purge(world: World, user_id: UserId, me_image_id: MeImageId) -> bool:
    """Remove a me-image whose time has come; False when it was brought back, or its user erased, meanwhile.

    Its media is condemned in the same transaction unless another me-image uses it, and goes as all such media do.
    """
    with suppress(UserErased):
        async with mutation_of_known(world, UPKEEP, user_id) as change:
            found = await change.tx.me_image(user_id, me_image_id) if change else None
            if change is None or found is None:
                return False
            purge_at = found[1].purge_at
            if purge_at is None or purge_at > change.at:
                return False
            await change.tx.remove_me_image(user_id, me_image_id, change.at)
            change.tell(MeImagePurged(), me_image_id)
            return True
    return False
