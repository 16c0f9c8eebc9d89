"""Handing the bytes of a me-image to its owner."""

import asyncio
import hashlib
from dataclasses import dataclass

from service.domain.errors import MeImageNotFound
from service.domain.model import MediaType, MeImageId, Rendition, UserId
from service.domain.objects import object_key, variant_of
from service.usecases.sealed import seals_of
from service.usecases.world import World


@dataclass(frozen=True, slots=True)
class Download:
    """Bytes that were opened whole, and what they are; ``width`` and ``height`` are upright pixels."""

    content_type: MediaType
    width: int
    height: int
    sha256: str
    content: bytes


async def download(world: World, user_id: UserId, me_image_id: MeImageId, rendition: Rendition | None) -> Download:
    """Return the original, or a rendition, whole and proven.

    Raises:
        MeImageNotFound: the user has no such me-image.
        SealBroken, ObjectMissing: the bucket holds something else than what was stored.
    """
    found = await world.store.me_image(user_id, me_image_id)
    if found is None:
        raise MeImageNotFound
    wrapped, record = found
    seals = seals_of(world.vault, user_id, wrapped)
    media = record.media
    picture = media if rendition is None else await world.store.rendition(user_id, media.media_id, rendition)
    if picture is None:
        raise MeImageNotFound
    sealed = await world.objects.get(object_key(media.media_id, rendition))
    context = seals.object_context(media.media_id, variant_of(rendition))

    def open_whole() -> tuple[bytes, str]:
        content = world.vault.open(seals.key, context, sealed)
        return content, hashlib.sha256(content).hexdigest()

    content, sha256 = await asyncio.to_thread(open_whole)
    return Download(picture.content_type, picture.width, picture.height, sha256, content)
