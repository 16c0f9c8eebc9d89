"""Creating a me-image of a stored media."""

from pydantic import TypeAdapter

from service.domain.errors import MediaNotFound
from service.domain.model import MediaId, MeImage, MeImageId, NewMeImage, RequestId, UserId
from service.ports.outside import Ids
from service.ports.records import MediaRecord, NewMeImageRecord
from service.usecases.answers import Retryable
from service.usecases.mutation import Mutation, mutation_of_known
from service.usecases.sealed import etag_of
from service.usecases.world import World

CREATE = Retryable("CreateMeImage", TypeAdapter(MeImage))


async def create_me_image(
    world: World, user_id: UserId, media_id: MediaId, new: NewMeImage, request_id: RequestId | None
) -> MeImage:
    """Create a me-image of a media that the user has.

    Raises:
        MediaNotFound: the user has no such media, or it was never finished, or it is on its way out.
        RequestIdReused: the ``request_id`` belongs to another request.
    """
    async with mutation_of_known(world, user_id) as change:
        if change is None:
            raise MediaNotFound
        digest = CREATE.digest(change.seals, (media_id, new))
        if request_id is not None:
            kept = await change.tx.request(user_id, request_id)
            if kept is not None:
                return CREATE.replay(change.seals, kept, digest)
        media = await change.tx.media(user_id, media_id)
        if media is None:
            raise MediaNotFound
        me_image = await insert_me_image(change, world.ids, media, new)
        if request_id is not None:
            kept = CREATE.keep(change.seals, request_id, digest, me_image, change.at)
            await change.tx.add_request(user_id, kept)
        return me_image


async def insert_me_image(change: Mutation, ids: Ids, media: MediaRecord, new: NewMeImage) -> MeImage:
    """Insert a me-image and give it the slots that it claims."""
    me_image_id = MeImageId(ids.new_id())
    record = NewMeImageRecord(
        me_image_id=me_image_id,
        media_id=media.media_id,
        kind=new.kind,
        usage=new.usage,
        sealed_text=change.seals.seal_text(me_image_id, new.label, new.tags),
        created_at=change.at,
    )
    await change.tx.add_me_image(change.user, record)
    await change.tx.claim_slots(change.user, new.claim_slots, me_image_id, change.at)
    return MeImage(
        user_id=change.user.user_id,
        me_image_id=me_image_id,
        kind=new.kind,
        label=new.label,
        tags=new.tags,
        usage=new.usage,
        slots=new.claim_slots,
        media=change.seals.media(media),
        etag=etag_of(change.user.revision),
        created_at=change.at,
        updated_at=change.at,
    )
