"""Handing the bytes of a me-image to its owner."""

import asyncio
import hashlib
from dataclasses import dataclass

from service.domain.errors import MeImageDeleted, MeImageNotFound
from service.domain.model import MediaId, MediaType, MeImageId, Rendition, UserId
from service.domain.objects import object_key, variant_of
from service.usecases.sealed import UserSeals, seals_of
from service.usecases.world import World


@dataclass(frozen=True, slots=True)
class Download:
    """Something that can be downloaded, still sealed; sizes are bytes and upright pixels."""

    seals: UserSeals
    sha256: str | None
    media_id: MediaId
    rendition: Rendition | None
    content_type: MediaType
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Opened:
    """Bytes that were opened whole, and their SHA-256 in lower-case hex."""

    content: bytes
    sha256: str


async def find_download(world: World, user_id: UserId, me_image_id: MeImageId, rendition: Rendition | None) -> Download:
    """Return what to download: the original, or a rendition. Raises MeImageNotFound, MeImageDeleted."""
    found = await world.store.me_image(user_id, me_image_id)
    if found is None:
        raise MeImageNotFound
    wrapped, record = found
    if record.deleted_at is not None:
        raise MeImageDeleted
    media = record.media
    picture = media if rendition is None else await world.store.rendition(user_id, media.media_id, rendition)
    if picture is None:
        raise MeImageNotFound
    seals = seals_of(world.vault, user_id, wrapped)
    return Download(
        seals=seals,
        sha256=seals.media(media).sha256 if rendition is None else None,
        media_id=media.media_id,
        rendition=rendition,
        content_type=picture.content_type,
        size_bytes=picture.size_bytes,
        width=picture.width,
        height=picture.height,
    )


async def open_download(world: World, download: Download) -> Opened:
    """Fetch and open it. Raises SealBroken or ObjectMissing when the bucket holds something else than was stored."""
    sealed = await world.objects.get(object_key(download.media_id, download.rendition))
    context = download.seals.object_context(download.media_id, variant_of(download.rendition))

    def open_whole() -> Opened:
        content = world.vault.open(download.seals.key, context, sealed)
        # The seal proves the original to be what was hashed when it came in.
        return Opened(content, download.sha256 or hashlib.sha256(content).hexdigest())

    return await asyncio.to_thread(open_whole)
