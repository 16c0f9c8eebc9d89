"""Renditions that are made after the upload: once, on first need, and ahead of it for a photo that is opted in.

As in an upload the row comes first, then the object, then the row is made ready; what fails in between is swept.
"""

import asyncio
import hashlib

from service.domain.callers import Caller
from service.domain.errors import MeImageNotFound
from service.domain.model import MeImageId, Rendition, UserId
from service.domain.objects import ORIGINAL, object_key, variant_of
from service.ports.outside import RenderedPicture
from service.ports.records import MediaRecord, RenditionRecord
from service.usecases.mutation import mutation_of_known
from service.usecases.sealed import UserSeals, seals_of
from service.usecases.world import World

MAKING_BYTES = 4 << 20
"""What a rendition has at most."""

DEFAULT_REFERENCE = Rendition.PNG_1024
"""What most generators take, and so what is made ahead of time."""


async def ensure_rendition(
    world: World, caller: Caller, user_id: UserId, media: MediaRecord, rendition: Rendition
) -> RenditionRecord:
    """Return a rendition, making it first where it is missing.

    Raises:
        MeImageNotFound: the media went away meanwhile.
        UndecodableImage, Overloaded: it cannot be made, or not now.
    """
    ready = await world.store.rendition(user_id, media.media_id, rendition)
    return ready or await _make(world, caller, user_id, media, rendition)


async def prepare_reference(world: World, caller: Caller, user_id: UserId, me_image_id: MeImageId) -> None:
    """Make the default reference of a me-image that is opted in, so that its first release need not wait for it."""
    found = await world.store.me_image(user_id, me_image_id)
    if found is not None and found[1].usage.ai_reference:
        await ensure_rendition(world, caller, user_id, found[1].media, DEFAULT_REFERENCE)


async def _make(
    world: World, caller: Caller, user_id: UserId, media: MediaRecord, rendition: Rendition
) -> RenditionRecord:
    picture = await _rendered(world, user_id, media, rendition)
    variant = variant_of(rendition, world.ids.new_id())
    async with mutation_of_known(world, caller, user_id) as change:
        if change is None:
            raise MeImageNotFound
        made = _record(change.seals, media, variant, picture)
        if not await change.tx.add_pending_rendition(user_id, media.media_id, made, change.at):
            raise MeImageNotFound
    context = change.seals.object_context(media.media_id, variant)
    sealed = await asyncio.to_thread(world.vault.seal, change.seals.key, context, picture.data)
    await world.objects.put(object_key(media.media_id, variant), sealed)
    async with mutation_of_known(world, caller, user_id) as change:
        ready = await change.tx.mark_rendition_ready(user_id, media.media_id, made) if change else None
    if ready is None:
        raise MeImageNotFound
    return ready


async def _rendered(world: World, user_id: UserId, media: MediaRecord, rendition: Rendition) -> RenderedPicture:
    wrapped = await world.store.user_key(user_id)
    if wrapped is None:
        raise MeImageNotFound
    seals = seals_of(world.vault, user_id, wrapped)
    sealed = await world.objects.get(object_key(media.media_id, ORIGINAL))
    context = seals.object_context(media.media_id, ORIGINAL)
    photo = await asyncio.to_thread(world.vault.open, seals.key, context, sealed)
    rendered = await world.pictures.render(photo, media.content_type, [rendition])
    return rendered.pictures[0]


def _record(seals: UserSeals, media: MediaRecord, variant: str, picture: RenderedPicture) -> RenditionRecord:
    return RenditionRecord(
        rendition=picture.rendition,
        variant=variant,
        content_type=picture.content_type,
        size_bytes=len(picture.data),
        width=picture.width,
        height=picture.height,
        sealed_facts=seals.seal_digest(media.media_id, variant, hashlib.sha256(picture.data).hexdigest()),
    )
