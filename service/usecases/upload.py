"""Taking a photo in: decode, record, seal and put, make ready. DESIGN section 6, the upload walk.

Whatever fails after the pending rows leaves them behind with their objects, and upkeep removes both.
"""

import asyncio
from dataclasses import dataclass

from pydantic import TypeAdapter

from service.domain.callers import Caller
from service.domain.errors import StorageUnavailable
from service.domain.media_types import SNIFF_BYTES, media_type_of
from service.domain.model import THUMBNAIL, Media, MediaId, MediaType, MeImage, UserId
from service.domain.objects import ORIGINAL, object_key
from service.ports.outside import RenderedMedia, RenderedPicture
from service.ports.records import MediaRecord, RenditionRecord
from service.ports.sealing import DigestUse
from service.usecases.answers import Retryable
from service.usecases.consent import prepare_soon
from service.usecases.create import insert_me_image
from service.usecases.mutation import mutation
from service.usecases.receive import Photo, UploadHeader
from service.usecases.sealed import UserSeals, seals_of
from service.usecases.world import World


@dataclass(frozen=True, slots=True)
class Upload:
    """A photo that was received whole, from whom, and what to make of it."""

    caller: Caller
    header: UploadHeader
    photo: Photo

    @property
    def user_id(self) -> UserId:
        """Whose photo it is."""
        return self.header.user_id

    @property
    def content(self) -> object:
        """All that was asked for; what was announced of the bytes was checked, and a retry need not repeat it."""
        return (self.header.filename, self.photo.sha256, self.header.new_me_image)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The stored media, and the me-image where one was asked for."""

    media: Media
    me_image: MeImage | None


class _MediaGone(Exception):
    """Neither the pending media nor an earlier one with the same bytes is there any more."""


UPLOAD = Retryable("UploadMeImage", TypeAdapter(Uploaded))


async def store_upload(world: World, upload: Upload) -> Uploaded:
    """Store a photo, and create the me-image that its header asks for.

    Raises:
        UnsupportedMediaType, TooManyPixels, UndecodableImage: the photo is refused and nothing is stored.
        QuotaExceeded: the user has as many me-images as one may have; the media is stored, and unclaimed.
        RequestIdReused: the ``request_id`` belongs to another request.
    """
    known = await _answer_from_known_bytes(world, upload)
    if known is not None:
        return known
    media_type = media_type_of(upload.photo.content[:SNIFF_BYTES])
    rendered = await world.pictures.render(upload.photo.content, media_type, [THUMBNAIL])
    media_id, seals = await _record_pending(world, upload, media_type, rendered)
    await _put_objects(world, seals, media_id, upload.photo, rendered)
    try:
        return await _make_ready(world, upload, media_id)
    except _MediaGone:
        raise StorageUnavailable from None


async def _answer_from_known_bytes(world: World, upload: Upload) -> Uploaded | None:
    """Spare a retry, and bytes that the user already has, the decoding and the bucket."""
    wrapped = await world.store.user_key(upload.user_id)
    if wrapped is None:
        return None
    seals = seals_of(world.vault, upload.user_id, wrapped)
    if upload.header.request_id is not None:
        kept = await world.store.request(upload.user_id, upload.header.request_id)
        if kept is not None:
            return UPLOAD.replay(seals, kept, UPLOAD.digest(seals, upload.content))
    if await world.store.media_of_content(upload.user_id, _content_digest(seals, upload.photo)) is None:
        return None
    try:
        return await _make_ready(world, upload, None)
    except _MediaGone:
        return None


async def _record_pending(
    world: World, upload: Upload, media_type: MediaType, rendered: RenderedMedia
) -> tuple[MediaId, UserSeals]:
    media_id = MediaId(world.ids.new_id())
    async with mutation(world, upload.caller, upload.user_id) as change:
        media = MediaRecord(
            media_id=media_id,
            content_type=media_type,
            size_bytes=len(upload.photo.content),
            width=rendered.width,
            height=rendered.height,
            sealed_facts=change.seals.seal_facts(media_id, upload.header.filename, upload.photo.sha256),
            created_at=change.at,
        )
        renditions = [_rendition_record(picture) for picture in rendered.pictures]
        digest = _content_digest(change.seals, upload.photo)
        await change.tx.add_pending_media(upload.user_id, media, digest, renditions)
        return media_id, change.seals


async def _put_objects(
    world: World, seals: UserSeals, media_id: MediaId, photo: Photo, rendered: RenderedMedia
) -> None:
    async def put(variant: str, plain: bytes) -> None:
        context = seals.object_context(media_id, variant)
        sealed = await asyncio.to_thread(world.vault.seal, seals.key, context, plain)
        await world.objects.put(object_key(media_id, variant), sealed)

    await asyncio.gather(
        put(ORIGINAL, photo.content), *(put(picture.rendition, picture.data) for picture in rendered.pictures)
    )


async def _make_ready(world: World, upload: Upload, pending: MediaId | None) -> Uploaded:
    """Answer with the media of these bytes, the pending one or an earlier one. Raises _MediaGone."""
    async with mutation(world, upload.caller, upload.user_id) as change:

        async def work() -> Uploaded:
            media = await change.tx.media_of_content(upload.user_id, _content_digest(change.seals, upload.photo))
            if media is None and pending is not None:
                media = await change.tx.mark_media_ready(upload.user_id, pending)
            if media is None:
                raise _MediaGone
            me_image = None
            if upload.header.new_me_image is None:
                await change.tx.keep_unclaimed(upload.user_id, media.media_id, change.at)
            else:
                me_image = await insert_me_image(change, world.policy, media, upload.header.new_me_image)
            return Uploaded(change.seals.media(media), me_image)

        uploaded = await change.once(UPLOAD, upload.header.request_id, upload.content, work)
    if uploaded.me_image is not None:
        prepare_soon(world, upload.caller, uploaded.me_image)
    return uploaded


def _content_digest(seals: UserSeals, photo: Photo) -> bytes:
    return seals.vault.keyed_digest(seals.key, DigestUse.MEDIA_CONTENT, photo.sha256.encode())


def _rendition_record(picture: RenderedPicture) -> RenditionRecord:
    name, sizes = picture.rendition, (len(picture.data), picture.width, picture.height)
    return RenditionRecord(name, name, picture.content_type, *sizes, sealed_facts=None)
