"""Removing one media, or one rendition, that nobody uses.

It is condemned in a transaction that is the only one of its user, so that nobody can claim it any more; then its
objects go, then its rows. That needs no key: what an erased user leaves behind goes the same way. Whatever is
interrupted is found again, condemned.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.objects import ORIGINAL, object_key
from service.ports.upkeep import StaleMedia, StaleRendition
from service.usecases.world import World


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept."""

    pending_media: timedelta
    unclaimed_media: timedelta
    requests: timedelta

    def limits(self, now: datetime) -> tuple[datetime, datetime]:
        """Return the times before which pending and unclaimed media are too old."""
        return now - self.pending_media, now - self.unclaimed_media


async def sweep_media(world: World, retention: Retention, stale: StaleMedia) -> Counter[str]:
    """Remove one media; return what went, nothing when it was claimed in the meantime."""
    user_id, media_id = stale.user_id, stale.media_id
    async with world.store.transaction(user_id) as tx:
        pending_before, unclaimed_before = retention.limits(world.clock.now())
        variants = await tx.condemn_media(user_id, media_id, pending_before, unclaimed_before)
    if variants is None:
        return Counter()
    keys = [object_key(media_id, variant) for variant in (ORIGINAL, *variants)]
    await world.objects.remove(keys)
    async with world.store.transaction(user_id) as tx:
        await tx.forget_media(user_id, media_id)
    return Counter(media=1, objects=len(keys))


async def sweep_rendition(world: World, retention: Retention, stale: StaleRendition) -> Counter[str]:
    """Remove what a making of a rendition left behind that was interrupted, or overtaken by another."""
    user_id, media_id, variant = stale.user_id, stale.media_id, stale.variant
    async with world.store.transaction(user_id) as tx:
        pending_before, _ = retention.limits(world.clock.now())
        if not await tx.condemn_rendition(user_id, media_id, variant, pending_before):
            return Counter()
    await world.objects.remove([object_key(media_id, variant)])
    async with world.store.transaction(user_id) as tx:
        await tx.forget_rendition(user_id, media_id, variant)
    return Counter(objects=1)
