"""Removing what its time has come for: deleted me-images, unused media with their objects, old answers and events.

A media is condemned in a transaction that is the only one of its user, so that nobody can claim it any more; then its
objects go, then its rows. That needs no key: what an erased user leaves behind goes the same way. Whatever is
interrupted goes on in the next run.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.model import MediaId, MeImageId, UserId
from service.domain.objects import ORIGINAL, object_key
from service.usecases.deletion import purge
from service.usecases.erase import file_certificate
from service.usecases.world import World

BATCH = 200
LATE_EVENTS = timedelta(hours=1)
"""Events are kept a little longer than tokens are good for: an event is dated when its change began."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept."""

    pending_media: timedelta
    unclaimed_media: timedelta
    requests: timedelta

    def limits(self, now: datetime) -> tuple[datetime, datetime]:
        """Return the times before which pending and unclaimed media are too old."""
        return now - self.pending_media, now - self.unclaimed_media


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """What one run removed, and the certificates of erasure that it put into the bucket."""

    me_images: int
    media: int
    objects: int
    requests: int
    events: int
    certificates: int


async def upkeep(world: World, retention: Retention) -> UpkeepReport:
    """Sweep until nothing is left to remove, and say how much it was."""
    me_images = await _purge(world)
    media, objects = 0, await _sweep_renditions(world, retention)
    seen: set[tuple[UserId, MediaId]] = set()
    while fresh := [each for each in await _stale(world, retention) if each not in seen]:
        seen.update(fresh)
        for user_id, media_id in fresh:
            removed = await _sweep(world, retention, user_id, media_id)
            media += removed > 0
            objects += removed
    now = world.clock.now()
    requests = await _forget(world.store.forget_requests, now - retention.requests)
    events = await _forget(world.store.forget_events, now - world.policy.event_retention - LATE_EVENTS)
    return UpkeepReport(me_images, media, objects, requests, events, await _file_certificates(world))


async def _purge(world: World) -> int:
    total = 0
    seen: set[tuple[UserId, MeImageId]] = set()
    while fresh := [due for due in await world.store.due_me_images(world.clock.now(), BATCH) if due not in seen]:
        seen.update(fresh)
        for user_id, me_image_id in fresh:
            total += await purge(world, user_id, me_image_id)
    return total


async def _stale(world: World, retention: Retention) -> list[tuple[UserId, MediaId]]:
    pending_before, unclaimed_before = retention.limits(world.clock.now())
    return await world.store.stale_media(pending_before, unclaimed_before, BATCH)


async def _sweep(world: World, retention: Retention, user_id: UserId, media_id: MediaId) -> int:
    """Remove one media; return how many objects went, 0 when it was claimed in the meantime."""
    async with world.store.transaction(user_id) as tx:
        pending_before, unclaimed_before = retention.limits(world.clock.now())
        variants = await tx.condemn_media(user_id, media_id, pending_before, unclaimed_before)
    if variants is None:
        return 0
    keys = [object_key(media_id, variant) for variant in (ORIGINAL, *variants)]
    await world.objects.remove(keys)
    async with world.store.transaction(user_id) as tx:
        await tx.forget_media(user_id, media_id)
    return len(keys)


async def _sweep_renditions(world: World, retention: Retention) -> int:
    """Remove what makings of renditions left behind that were interrupted, or overtaken by another."""
    total = 0
    seen: set[tuple[UserId, MediaId, str]] = set()
    while fresh := [each for each in await _stale_renditions(world, retention) if each not in seen]:
        seen.update(fresh)
        for user_id, media_id, variant in fresh:
            total += await _sweep_rendition(world, retention, user_id, media_id, variant)
    return total


async def _stale_renditions(world: World, retention: Retention) -> list[tuple[UserId, MediaId, str]]:
    pending_before, _ = retention.limits(world.clock.now())
    return await world.store.stale_renditions(pending_before, BATCH)


async def _sweep_rendition(
    world: World, retention: Retention, user_id: UserId, media_id: MediaId, variant: str
) -> bool:
    async with world.store.transaction(user_id) as tx:
        pending_before, _ = retention.limits(world.clock.now())
        if not await tx.condemn_rendition(user_id, media_id, variant, pending_before):
            return False
    await world.objects.remove([object_key(media_id, variant)])
    async with world.store.transaction(user_id) as tx:
        await tx.forget_rendition(user_id, media_id, variant)
    return True


async def _file_certificates(world: World) -> int:
    """Put certificates into the bucket where an erasure was interrupted before it could."""
    total = 0
    while waiting := await world.store.certificates_to_file(BATCH):
        for user_id, certificate in waiting:
            await file_certificate(world, user_id, certificate)
        total += len(waiting)
    return total


async def _forget(forget: Callable[[datetime, int], Awaitable[int]], before: datetime) -> int:
    total = 0
    while forgotten := await forget(before, BATCH):
        total += forgotten
    return total
