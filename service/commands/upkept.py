"""Upkeep beside a server, for the commands that serve."""

import asyncio
import random
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta

from service.adapters.postgres.turns import PostgresTurns
from service.adapters.upkeeper import Rhythm, Upkeeper
from service.config import Settings
from service.settled import retention
from service.usecases.upkeep import Upkeep
from service.wiring import Built


def upkept(settings: Settings, built: Built, stop: asyncio.Event) -> AbstractAsyncContextManager[None]:
    """Run upkeep now and then until ``stop`` or the block's end, unless the settings leave that to the command."""
    if not settings.upkeep:
        return nullcontext()
    world, tally = built.world, built.parts.upkeep
    period = timedelta(minutes=settings.upkeep_minutes).total_seconds()
    return Upkeeper(
        Upkeep(world, retention(settings), tally),
        PostgresTurns(settings.database_url.get_secret_value()),
        tally,
        world.clock,
        Rhythm(period, random.SystemRandom().random, time.monotonic),
    ).running(stop)
