"""Removing what its time has come for: deleted me-images, unused media with their objects, old answers and events.

A run is bounded: each sweep has its allowance, and the next run goes on where it stopped. What cannot go is counted
and passed over, and tried again once the sweep has come to its end, so that it holds up nobody else; a store that is
away ends the run. Two runs at once do no harm, only the same work twice: each step is safe against callers, and so
against another run.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from service.ports.upkeep import (
    DueMeImage,
    StaleMedia,
    StaleRendition,
    UnfiledCertificate,
    Unwatched,
    UpkeepObserver,
)
from service.usecases.deletion import purge
from service.usecases.erase import file_certificate
from service.usecases.sweeps import Retention, sweep_media, sweep_rendition
from service.usecases.upkeep_run import BATCH, Allowance, Run
from service.usecases.world import World

LATE_EVENTS = timedelta(hours=1)
"""Events are kept a little longer than tokens are good for: an event is dated when its change began."""


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """What one run removed, the certificates of erasure that it put into the bucket, and what could not go.

    ``is_left`` says that the run came to its bounds before the end.
    """

    me_images: int
    media: int
    objects: int
    requests: int
    events: int
    certificates: int
    failed: int
    is_left: bool


class Upkeep:
    """Runs of upkeep, one after another; it remembers where sweeps stopped that did not come to their end."""

    def __init__(self, world: World, retention: Retention, observer: UpkeepObserver) -> None:
        self._world = world
        self._retention = retention
        self._observer = observer
        self._me_images: DueMeImage | None = None
        self._renditions: StaleRendition | None = None
        self._media: StaleMedia | None = None
        self._certificates: UnfiledCertificate | None = None

    async def run(self, allowance: Allowance) -> UpkeepReport:
        """Sweep once, and say what went. Raises StorageUnavailable, Overloaded: a store is away."""
        run = Run(self._world, self._observer, allowance)
        world, store, limits = self._world, self._world.store, self._retention.limits

        async def due(after: DueMeImage | None) -> list[DueMeImage]:
            return await store.due_me_images(world.clock.now(), after, BATCH)

        async def gone(it: DueMeImage) -> Counter[str]:
            return Counter(me_images=await purge(world, it.user_id, it.me_image_id))

        async def renditions(after: StaleRendition | None) -> list[StaleRendition]:
            return await store.stale_renditions(limits(world.clock.now())[0], after, BATCH)

        async def media(after: StaleMedia | None) -> list[StaleMedia]:
            return await store.stale_media(*limits(world.clock.now()), after, BATCH)

        async def unfiled(after: UnfiledCertificate | None) -> list[UnfiledCertificate]:
            return await store.certificates_to_file(after, BATCH)

        async def filed(it: UnfiledCertificate) -> Counter[str]:
            await file_certificate(world, it.user_id, it.certificate)
            return Counter(certificates=1)

        now, kept = world.clock.now(), self._retention
        self._me_images = await run.through("me_images", self._me_images, due, gone)
        self._renditions = await run.through(
            "renditions", self._renditions, renditions, lambda it: sweep_rendition(world, kept, it)
        )
        self._media = await run.through("media", self._media, media, lambda it: sweep_media(world, kept, it))
        await run.forget("requests", store.forget_requests, now - kept.requests)
        await run.forget("events", store.forget_events, now - world.policy.event_retention - LATE_EVENTS)
        self._certificates = await run.through("certificates", self._certificates, unfiled, filed)
        removed = run.removed
        return UpkeepReport(
            me_images=removed["me_images"],
            media=removed["media"],
            objects=removed["objects"],
            requests=removed["requests"],
            events=removed["events"],
            certificates=removed["certificates"],
            failed=run.failed,
            is_left=run.is_left,
        )


async def upkeep(world: World, retention: Retention) -> UpkeepReport:
    """Sweep everything once, without bounds."""
    return await Upkeep(world, retention, Unwatched()).run(Allowance())
