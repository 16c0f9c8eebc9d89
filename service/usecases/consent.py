"""Consent: the opt-in of a me-image and the switch over all of them, every change of either in the ledger."""

from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from service.domain.callers import Caller
from service.domain.errors import MeImageDeleted
from service.domain.events import AiSettingsChanged, MeImageAiReferenceToggled
from service.domain.ledger import LedgerKind
from service.domain.model import AiSettings, MeImage, MeImageId, RequestId, UserId
from service.ports.records import MeImageRecord
from service.usecases.answers import Retryable
from service.usecases.mutation import Mutation, Target, change_me_image, mutation
from service.usecases.renditions import prepare_reference
from service.usecases.world import World

SET_AI_REFERENCE = Retryable("SetAiReferenceEnabled", TypeAdapter(MeImage))
UPDATE_AI_SETTINGS = Retryable("UpdateAiSettings", TypeAdapter(AiSettings))


async def set_ai_reference(world: World, target: Target, *, enabled: bool) -> MeImage:
    """Opt a me-image in or out. Raises what ``change_me_image`` raises, and MeImageDeleted."""

    async def work(change: Mutation, record: MeImageRecord) -> MeImage:
        if record.deleted_at is not None:
            raise MeImageDeleted
        if record.usage.ai_reference != enabled:
            opted = replace(record, usage=replace(record.usage, ai_reference=enabled))
            record = await change.tx.change_me_image(change.user, opted, change.at)
            await note_consent(change, record.me_image_id, given=enabled)
        return change.seals.me_image(record)

    me_image = await change_me_image(world, SET_AI_REFERENCE, target, enabled, work)
    prepare_soon(world, target.caller, me_image)
    return me_image


def prepare_soon(world: World, caller: Caller, me_image: MeImage) -> None:
    """Let a me-image that is opted in be made ready for its first release, while nobody waits."""
    if me_image.usage.ai_reference:
        world.chores.soon(lambda: prepare_reference(world, caller, me_image.user_id, me_image.me_image_id))


async def note_consent(change: Mutation, me_image_id: MeImageId, *, given: bool) -> None:
    """Enter a consent that was given or withdrawn in the ledger, and tell it."""
    kind = LedgerKind.CONSENT_GIVEN if given else LedgerKind.CONSENT_WITHDRAWN
    await change.enter(kind, me_image_id)
    change.tell(MeImageAiReferenceToggled(given), me_image_id)


async def get_ai_settings(world: World, user_id: UserId) -> AiSettings:
    """Return a user's settings; the defaults for a user who is unknown."""
    return await world.store.ai_settings(user_id)


@dataclass(frozen=True, slots=True)
class Switch:
    """Switching all AI use of a person off or on."""

    user_id: UserId
    references_enabled: bool
    request_id: RequestId | None


async def update_ai_settings(world: World, caller: Caller, switch: Switch) -> AiSettings:
    """Switch; the first decision of a user who is unknown is kept too. Raises RequestIdReused."""
    async with mutation(world, caller, switch.user_id) as change:

        async def work() -> AiSettings:
            before = await change.tx.ai_settings(switch.user_id)
            if before.references_enabled == switch.references_enabled:
                return before
            after = AiSettings(switch.references_enabled, change.at)
            await change.tx.switch_references(switch.user_id, after)
            enabled = switch.references_enabled
            await change.enter(LedgerKind.REFERENCES_RESUMED if enabled else LedgerKind.REFERENCES_PAUSED)
            change.tell(AiSettingsChanged(enabled))
            return after

        return await change.once(UPDATE_AI_SETTINGS, switch.request_id, switch.references_enabled, work)
