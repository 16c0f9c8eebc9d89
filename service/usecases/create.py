"""Creating a me-image of a stored media."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from service.domain.callers import Caller
from service.domain.errors import MediaNotFound, QuotaExceeded
from service.domain.events import MeImageAdded
from service.domain.model import MediaId, MeImage, MeImageId, NewMeImage, RequestId, UserId
from service.ports.records import MediaRecord, NewMeImageRecord
from service.usecases.answers import Retryable
from service.usecases.consent import note_consent, prepare_soon
from service.usecases.mutation import Mutation, mutation_of_known
from service.usecases.primary import take_over
from service.usecases.world import Policy, World

CREATE = Retryable("CreateMeImage", TypeAdapter(MeImage))


@dataclass(frozen=True, slots=True)
class Creation:
    """A me-image to be made of a media that the user has."""

    user_id: UserId
    media_id: MediaId
    new: NewMeImage
    request_id: RequestId | None


async def create_me_image(world: World, caller: Caller, creation: Creation) -> MeImage:
    """Create a me-image of a stored media.

    Raises:
        MediaNotFound: the user has no such media, or it was never finished, or it is on its way out.
        QuotaExceeded: the user has as many me-images as one may have.
        RequestIdReused: the ``request_id`` belongs to another request.
    """
    async with mutation_of_known(world, caller, creation.user_id) as change:
        if change is None:
            raise MediaNotFound

        async def work() -> MeImage:
            media = await change.tx.media(creation.user_id, creation.media_id)
            if media is None:
                raise MediaNotFound
            return await insert_me_image(change, world.policy, media, creation.new)

        me_image = await change.once(CREATE, creation.request_id, (creation.media_id, creation.new), work)
    prepare_soon(world, caller, me_image)
    return me_image


async def insert_me_image(change: Mutation, policy: Policy, media: MediaRecord, new: NewMeImage) -> MeImage:
    """Insert a me-image, give it the slots that it claims, and put a consent on record. Raises QuotaExceeded."""
    if await change.tx.count_me_images(change.user_id) >= policy.max_me_images:
        raise QuotaExceeded
    me_image_id = MeImageId(change.ids.new_id())
    record = NewMeImageRecord(
        me_image_id=me_image_id,
        media_id=media.media_id,
        kind=new.kind,
        usage=new.usage,
        sealed_text=change.seals.seal_text(me_image_id, new.label, new.tags),
        created_at=change.at,
    )
    await change.tx.add_me_image(change.user, record)
    change.tell(MeImageAdded(new.kind, media.media_id), me_image_id)
    if new.usage.ai_reference:
        await note_consent(change, me_image_id, given=True)
    await take_over(change, new.claim_slots, me_image_id)
    return await change.me_image(me_image_id)
