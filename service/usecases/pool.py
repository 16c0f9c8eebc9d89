"""Looking at the pool: one me-image, or a page of them."""

import asyncio
from dataclasses import dataclass

from service.domain.errors import MeImageNotFound
from service.domain.model import THUMBNAIL, MediaId, MeImage, MeImageId, UserId
from service.domain.objects import object_key
from service.ports.records import ListFilter, ListPosition
from service.usecases.erased import refuse_erased
from service.usecases.paging import page_token, position_of
from service.usecases.sealed import UserSeals, seals_of
from service.usecases.world import World


@dataclass(frozen=True, slots=True)
class Page:
    """Me-images, newest first. ``thumbnails`` holds one for each where they were asked for, else nothing."""

    me_images: tuple[MeImage, ...]
    thumbnails: tuple[bytes, ...]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What to list, and how much of it."""

    user_id: UserId
    which: ListFilter
    page_size: int
    page_token: str
    with_thumbnails: bool


async def get_me_image(world: World, user_id: UserId, me_image_id: MeImageId) -> MeImage:
    """Return one me-image. Raises MeImageNotFound, for those of other users too."""
    found = await world.store.me_image(user_id, me_image_id)
    if found is None:
        await refuse_erased(world, user_id)
        raise MeImageNotFound
    wrapped, record = found
    return seals_of(world.vault, user_id, wrapped).me_image(record)


async def list_me_images(world: World, query: ListQuery) -> Page:
    """Return a page, newest first. Raises InvalidPageToken."""
    after = position_of(query.user_id, query.which, query.page_token)
    wrapped, records = await world.store.me_images(query.user_id, query.which, after, query.page_size + 1)
    if wrapped is None:
        await refuse_erased(world, query.user_id)
        return Page((), (), "")
    seals = seals_of(world.vault, query.user_id, wrapped)
    me_images = tuple(seals.me_image(record) for record in records[: query.page_size])
    thumbnails: tuple[bytes, ...] = ()
    if query.with_thumbnails:
        thumbnails = tuple(await asyncio.gather(*(_thumbnail(world, seals, m.media.media_id) for m in me_images)))
    return Page(me_images, thumbnails, _next_token(query, me_images, more=len(records) > query.page_size))


async def _thumbnail(world: World, seals: UserSeals, media_id: MediaId) -> bytes:
    sealed = await world.objects.get(object_key(media_id, THUMBNAIL))
    return seals.vault.open(seals.key, seals.object_context(media_id, THUMBNAIL), sealed)


def _next_token(query: ListQuery, me_images: tuple[MeImage, ...], *, more: bool) -> str:
    if not more:
        return ""
    last = me_images[-1]
    return page_token(query.user_id, query.which, ListPosition(last.created_at, last.me_image_id))
