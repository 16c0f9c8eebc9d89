"""Taking a photo in: decode, record, seal and put, make ready. DESIGN section 6, the upload walk.

Whatever fails after the pending rows leaves them behind with their objects, and upkeep removes both.
"""

import asyncio
from dataclasses import dataclass

from pydantic import TypeAdapter

from service.domain.errors import StorageUnavailable
from service.domain.media_types import SNIFF_BYTES, media_type_of
from service.domain.model import THUMBNAIL, Media, MediaId, MediaType, MeImage, Rendition
from service.domain.objects import object_key, variant_of
from service.ports.outside import RenderedMedia, RenderedPicture
from service.ports.records import MediaRecord, RenditionRecord
from service.ports.sealing import DigestUse
from service.usecases.answers import Retryable
from service.usecases.create import insert_me_image
from service.usecases.mutation import mutation
from service.usecases.receive import Photo, UploadHeader
from service.usecases.sealed import UserSeals, seals_of
from service.usecases.world import World


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The stored media, and the me-image where one was asked for."""

    media: Media
    me_image: MeImage | None


UPLOAD = Retryable("UploadMeImage", TypeAdapter(Uploaded))


async def upload(world: World, header: UploadHeader, photo: Photo) -> Uploaded:
    """Store a photo that was received whole, and create the me-image that the header asks for.

    Raises:
        UnsupportedMediaType, TooManyPixels, UndecodableImage: the photo is refused and nothing is stored.
        RequestIdReused: the ``request_id`` belongs to another request.
    """
    known = await _answer_from_known_bytes(world, header, photo)
    if known is not None:
        return known
    media_type = media_type_of(photo.content[:SNIFF_BYTES])
    rendered = await world.pictures.render(photo.content, media_type, [THUMBNAIL])
    media_id, seals = await _record_pending(world, header, photo, media_type, rendered)
    await _put_objects(world, seals, media_id, photo, rendered)
    uploaded = await _make_ready(world, header, photo, media_id)
    if uploaded is None:
        raise StorageUnavailable
    return uploaded


async def _answer_from_known_bytes(world: World, header: UploadHeader, photo: Photo) -> Uploaded | None:
    """Spare a retry, and bytes that the user already has, the decoding and the bucket."""
    wrapped = await world.store.user_key(header.user_id)
    if wrapped is None:
        return None
    seals = seals_of(world.vault, header.user_id, wrapped)
    if header.request_id is not None:
        kept = await world.store.request(header.user_id, header.request_id)
        if kept is not None:
            return UPLOAD.replay(seals, kept, UPLOAD.digest(seals, _request_content(header, photo)))
    if await world.store.media_of_content(header.user_id, _content_digest(seals, photo)) is None:
        return None
    return await _make_ready(world, header, photo, None)


async def _record_pending(
    world: World, header: UploadHeader, photo: Photo, media_type: MediaType, rendered: RenderedMedia
) -> tuple[MediaId, UserSeals]:
    media_id = MediaId(world.ids.new_id())
    async with mutation(world, header.user_id) as change:
        media = MediaRecord(
            media_id=media_id,
            content_type=media_type,
            size_bytes=len(photo.content),
            width=rendered.width,
            height=rendered.height,
            sealed_facts=change.seals.seal_facts(media_id, header.filename, photo.sha256),
            created_at=change.at,
        )
        renditions = [_rendition_record(picture) for picture in rendered.pictures]
        digest = _content_digest(change.seals, photo)
        await change.tx.add_pending_media(header.user_id, media, digest, renditions)
        return media_id, change.seals


async def _put_objects(
    world: World, seals: UserSeals, media_id: MediaId, photo: Photo, rendered: RenderedMedia
) -> None:
    async def put(rendition: Rendition | None, plain: bytes) -> None:
        context = seals.object_context(media_id, variant_of(rendition))
        sealed = await asyncio.to_thread(world.vault.seal, seals.key, context, plain)
        await world.objects.put(object_key(media_id, rendition), sealed)

    await asyncio.gather(
        put(None, photo.content), *(put(picture.rendition, picture.data) for picture in rendered.pictures)
    )


async def _make_ready(world: World, header: UploadHeader, photo: Photo, pending: MediaId | None) -> Uploaded | None:
    """Answer with the media of these bytes, the pending one or an earlier one; None where neither is."""
    async with mutation(world, header.user_id) as change:
        digest = UPLOAD.digest(change.seals, _request_content(header, photo))
        if header.request_id is not None:
            kept = await change.tx.request(header.user_id, header.request_id)
            if kept is not None:
                return UPLOAD.replay(change.seals, kept, digest)
        media = await change.tx.media_of_content(header.user_id, _content_digest(change.seals, photo))
        if media is None and pending is not None:
            media = await change.tx.mark_media_ready(header.user_id, pending)
        if media is None:
            return None
        me_image = None
        if header.new_me_image is None:
            await change.tx.keep_unclaimed(header.user_id, media.media_id, change.at)
        else:
            me_image = await insert_me_image(change, world.ids, media, header.new_me_image)
        uploaded = Uploaded(change.seals.media(media), me_image)
        if header.request_id is not None:
            kept = UPLOAD.keep(change.seals, header.request_id, digest, uploaded, change.at)
            await change.tx.add_request(header.user_id, kept)
        return uploaded


def _request_content(header: UploadHeader, photo: Photo) -> object:
    """All that was asked for; what was announced of the bytes was checked, and a retry need not repeat it."""
    return (header.filename, photo.sha256, header.new_me_image)


def _content_digest(seals: UserSeals, photo: Photo) -> bytes:
    return seals.vault.keyed_digest(seals.key, DigestUse.MEDIA_CONTENT, photo.sha256.encode())


def _rendition_record(picture: RenderedPicture) -> RenditionRecord:
    return RenditionRecord(picture.rendition, picture.content_type, len(picture.data), picture.width, picture.height)
