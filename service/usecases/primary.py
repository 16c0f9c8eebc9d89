"""Primary slots: at most one holder each, taken over in one statement; the former holder stays in the pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from service.domain.callers import Caller
from service.domain.errors import MeImageDeleted, SlotEmpty
from service.domain.events import MeImagePrimaryChanged
from service.domain.model import MeImage, MeImageId, PrimaryRule, RequestId, Slot, UserId
from service.ports.records import MeImageRecord
from service.usecases.answers import Retryable
from service.usecases.erased import refuse_erased
from service.usecases.mutation import Mutation, Target, change_me_image, mutation_of_known
from service.usecases.sealed import seals_of
from service.usecases.world import World


@dataclass(frozen=True, slots=True)
class Swapped:
    """The holder of a slot after a change, and the one before."""

    me_image: MeImage
    previous: MeImageId | None


@dataclass(frozen=True, slots=True)
class Cleared:
    """Who held a slot that is empty now."""

    previous: MeImageId | None


SET_PRIMARY = Retryable("SetPrimary", TypeAdapter(Swapped))
CLEAR_PRIMARY = Retryable("ClearPrimary", TypeAdapter(Cleared))


async def set_primary(world: World, target: Target, slot: Slot) -> Swapped:
    """Make a me-image the holder of a slot. Raises what ``change_me_image`` raises, and MeImageDeleted."""

    async def work(change: Mutation, record: MeImageRecord) -> Swapped:
        if record.deleted_at is not None:
            raise MeImageDeleted
        if slot in record.slots:
            return Swapped(change.seals.me_image(record), record.me_image_id)
        former = await take_over(change, [slot], record.me_image_id)
        slots = tuple(each for each in Slot if each == slot or each in record.slots)
        holding = replace(record, slots=slots, revision=change.user.revision, updated_at=change.at)
        return Swapped(change.seals.me_image(holding), former.get(slot))

    return await change_me_image(world, SET_PRIMARY, target, slot, work)


async def take_over(change: Mutation, slots: Sequence[Slot], me_image_id: MeImageId) -> Mapping[Slot, MeImageId]:
    """Give slots to a me-image that holds none of them; return who held them before."""
    if not slots:
        return {}
    former = await change.tx.claim_slots(change.user, slots, me_image_id, change.at)
    for slot in slots:
        change.tell(MeImagePrimaryChanged(slot, former.get(slot), me_image_id), me_image_id)
    return former


async def leave_slots(change: Mutation, slots: Sequence[Slot], me_image_id: MeImageId) -> None:
    """Empty slots that a me-image holds; nobody is promoted."""
    if not slots:
        return
    await change.tx.empty_slots(change.user_id, slots)
    await change.tx.touch(change.user, [me_image_id], change.at)
    for slot in slots:
        change.tell(MeImagePrimaryChanged(slot, me_image_id, None), me_image_id)


async def clear_primary(
    world: World, caller: Caller, user_id: UserId, slot: Slot, request_id: RequestId | None
) -> Cleared:
    """Empty a slot. Raises RequestIdReused."""
    async with mutation_of_known(world, caller, user_id) as change:
        if change is None:
            return Cleared(None)

        async def work() -> Cleared:
            holder = (await change.tx.holders(user_id)).get(slot)
            if holder is not None:
                await leave_slots(change, [slot], holder)
            return Cleared(holder)

        return await change.once(CLEAR_PRIMARY, request_id, slot, work)


async def get_primary(world: World, user_id: UserId, slot: Slot) -> tuple[MeImage, PrimaryRule]:
    """Return what stands for a slot, and the rule that chose it. Raises SlotEmpty."""
    found = await world.store.primary(user_id, slot)
    if found is None:
        await refuse_erased(world, user_id)
        raise SlotEmpty
    wrapped, record, rule = found
    return seals_of(world.vault, user_id, wrapped).me_image(record), rule
