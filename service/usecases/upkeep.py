"""Removing what nobody uses: half-written and unclaimed media with their objects, and old answers to retries.

A media is condemned under its user's lock, so that nobody can claim it any more; then its objects go, then its
rows. Whatever is interrupted goes on in the next run.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.model import MediaId, Rendition, UserId
from service.domain.objects import object_key
from service.usecases.mutation import mutation_of_known
from service.usecases.world import World

BATCH = 200


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
    """What one run removed."""

    media: int
    objects: int
    requests: int


async def upkeep(world: World, retention: Retention) -> UpkeepReport:
    """Sweep until nothing is left to remove, and say how much it was."""
    media = objects = 0
    seen: set[tuple[UserId, MediaId]] = set()
    while fresh := [each for each in await _stale(world, retention) if each not in seen]:
        seen.update(fresh)
        for user_id, media_id in fresh:
            removed = await _sweep(world, retention, user_id, media_id)
            media += removed > 0
            objects += removed
    return UpkeepReport(media, objects, await _forget_requests(world, retention))


async def _stale(world: World, retention: Retention) -> list[tuple[UserId, MediaId]]:
    pending_before, unclaimed_before = retention.limits(world.clock.now())
    return await world.store.stale_media(pending_before, unclaimed_before, BATCH)


async def _sweep(world: World, retention: Retention, user_id: UserId, media_id: MediaId) -> int:
    """Remove one media; return how many objects went, 0 when it was claimed in the meantime."""
    async with mutation_of_known(world, user_id) as change:
        if change is None:
            return 0
        pending_before, unclaimed_before = retention.limits(change.at)
        renditions = await change.tx.condemn_media(user_id, media_id, pending_before, unclaimed_before)
    if renditions is None:
        return 0
    keys = _object_keys(media_id, renditions)
    await world.objects.remove(keys)
    async with mutation_of_known(world, user_id) as change:
        if change is not None:
            await change.tx.forget_media(user_id, media_id)
    return len(keys)


def _object_keys(media_id: MediaId, renditions: Iterable[Rendition]) -> list[str]:
    return [object_key(media_id, None), *(object_key(media_id, rendition) for rendition in renditions)]


async def _forget_requests(world: World, retention: Retention) -> int:
    total = 0
    while forgotten := await world.store.forget_requests(world.clock.now() - retention.requests, BATCH):
        total += forgotten
    return total
