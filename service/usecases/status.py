"""What a server is, and what waits for upkeep."""

from dataclasses import dataclass
from datetime import datetime

from service.ports.administration import Backlog
from service.usecases.world import World

MOST_COUNTED = 100_000
"""Counting goes no further, so that asking stays cheap however much there is."""


@dataclass(frozen=True, slots=True)
class Status:
    """How things stand at a time; ``key_epochs`` says how many users' keys each epoch wraps."""

    at: datetime
    key_epochs: dict[int, int]
    backlog: Backlog


async def get_status(world: World) -> Status:
    """Look."""
    now = world.clock.now()
    backlog = await world.store.backlog(now, MOST_COUNTED)
    return Status(now, await world.store.keys_by_epoch(), backlog)
