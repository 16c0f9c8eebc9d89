"""Handing the bytes of a me-image to its owner."""

import asyncio
import hashlib
from dataclasses import dataclass

from service.domain.callers import Caller
from service.domain.errors import MeImageDeleted, MeImageNotFound
from service.domain.model import MediaId, MediaType, MeImageId, Rendition, UserId
from service.domain.objects import ORIGINAL, object_key
from service.usecases.erased import refuse_erased
from service.usecases.renditions import MAKING_BYTES, ensure_rendition
from service.usecases.sealed import seals_of
from service.usecases.world import Hold, World


@dataclass(frozen=True, slots=True)
class Download:
    """Something that can be downloaded, still sealed; sizes are bytes and upright pixels."""

    user_id: UserId
    sha256: str | None
    media_id: MediaId
    variant: str
    content_type: MediaType
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Opened:
    """Bytes that were opened whole, and their SHA-256 in lower-case hex."""

    content: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants what: a rendition, or None for the original."""

    caller: Caller
    user_id: UserId
    me_image_id: MeImageId
    rendition: Rendition | None


async def find_download(world: World, wish: Wish, hold: Hold) -> Download:
    """Return what to download; a rendition is made on first need.

    Raises MeImageNotFound, MeImageDeleted; Overloaded, UndecodableImage where there is none yet.
    """
    found = await world.store.me_image(wish.user_id, wish.me_image_id)
    if found is None:
        await refuse_erased(world, wish.user_id)
        raise MeImageNotFound
    wrapped, record = found
    if record.deleted_at is not None:
        raise MeImageDeleted
    media = record.media
    if wish.rendition is None:
        seals, sizes = seals_of(world.vault, wish.user_id, wrapped), (media.size_bytes, media.width, media.height)
        return Download(wish.user_id, seals.media(media).sha256, media.media_id, ORIGINAL, media.content_type, *sizes)
    made = await world.store.rendition(wish.user_id, media.media_id, wish.rendition)
    if made is None:
        async with hold(media.size_bytes + MAKING_BYTES):
            made = await ensure_rendition(world, wish.caller, wish.user_id, media, wish.rendition)
    sizes = (made.size_bytes, made.width, made.height)
    return Download(wish.user_id, None, media.media_id, made.variant, made.content_type, *sizes)


async def open_download(world: World, download: Download) -> Opened:
    """Fetch it, and open it with the key as it stands then: it may have waited long since it was found.

    Raises UserErased for who was erased meanwhile; SealBroken or ObjectMissing when the bucket holds something else
    than was stored.
    """
    sealed = await world.objects.get(object_key(download.media_id, download.variant))
    user_id = download.user_id
    wrapped = await world.store.user_key(user_id)
    if wrapped is None:
        raise MeImageNotFound
    seals = seals_of(world.vault, user_id, wrapped)
    context = seals.object_context(download.media_id, download.variant)

    def open_whole() -> Opened:
        content = world.vault.open(seals.key, context, sealed)
        # The seal proves the original to be what was hashed when it came in.
        return Opened(content, download.sha256 or hashlib.sha256(content).hexdigest())

    return await asyncio.to_thread(open_whole)
