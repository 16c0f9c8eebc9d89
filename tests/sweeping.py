"""Upkeep of the tests' server, at a time that the test chooses."""

from dataclasses import replace
from datetime import timedelta

from service.settled import retention
from service.usecases.upkeep import UpkeepReport, upkeep
from service.usecases.world import World
from tests.clocks import SetClock
from tests.conftest import Served


def later(world: World, after: timedelta) -> World:
    """The same world, so much later."""
    return replace(world, clock=SetClock.ahead(after))


async def swept(served: Served, after: timedelta = timedelta()) -> UpkeepReport:
    """Sweep as if so much time had passed: nothing that is under way now would be so still."""
    await served.built.chores.done()
    return await upkeep(later(served.built.world, after), retention(served.settings))
