"""Upkeep inside a server: a run now and then, when no other process has the turn."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from service.adapters.metrics_upkeep import Outcome, UpkeepTally
from service.ports.outside import Clock
from service.ports.upkeep import Turn, Turns
from service.usecases.upkeep import Upkeep, UpkeepReport
from service.usecases.upkeep_run import Allowance

ITEMS = 2_000
SECONDS = 20.0
"""What each sweep of a run may take; a run has six of them."""

SOON_SECONDS = 5.0
"""Between a run that came to its bounds and the next, which may be another process's turn."""

STOP_SECONDS = 5.0
"""How long an item may take that is under way when the server stops; what is cut off is done again."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When runs begin: ``period`` in seconds, ``chance`` from 0 to 1, so that servers that start together spread.

    ``seconds`` is the monotonic clock that runs are measured by.
    """

    period: float
    chance: Callable[[], float]
    seconds: Callable[[], float]
    soon: float = SOON_SECONDS

    def first(self) -> float:
        """Return the seconds before the first run."""
        return self.period * self.chance()

    def next(self, *, is_left: bool) -> float:
        """Return the seconds before the next run."""
        return (self.soon if is_left else self.period) * (0.9 + 0.2 * self.chance())


def bounded(turn: Turn, stop: asyncio.Event, seconds: Callable[[], float], items: int = ITEMS) -> Allowance:
    """Return what a run may take, which ends between items once the turn is lost or the process stops."""
    return Allowance(items, SECONDS, seconds, lambda: stop.is_set() or turn.is_lost)


class Upkeeper:
    """Runs upkeep until it is stopped, whatever happens to a run."""

    def __init__(self, upkeep: Upkeep, turns: Turns, tally: UpkeepTally, clock: Clock, rhythm: Rhythm) -> None:
        self._upkeep = upkeep
        self._turns = turns
        self._tally = tally
        self._clock = clock
        self._rhythm = rhythm

    @asynccontextmanager
    async def running(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Run upkeep until ``stop``, or until the block ends; a run that is under way then ends after its item."""
        task = asyncio.create_task(self._run_for_ever(stop))
        try:
            yield
        finally:
            stop.set()
            done, _ = await asyncio.wait([task], timeout=STOP_SECONDS)
            if not done:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run_for_ever(self, stop: asyncio.Event) -> None:
        await _pause(stop, self._rhythm.first())
        while not stop.is_set():
            is_left = await self._run(stop)
            await _pause(stop, self._rhythm.next(is_left=is_left))

    async def _run(self, stop: asyncio.Event) -> bool:
        """Run once if it is our turn; return whether something is left."""
        began, outcome, report = self._rhythm.seconds(), Outcome.ELSEWHERE, None
        try:
            async with self._turns.taken() as turn:
                if turn is not None:
                    outcome = Outcome.FAILED
                    report = await self._upkeep.run(bounded(turn, stop, self._rhythm.seconds))
                    outcome = Outcome.LEFT if report.is_left else Outcome.DONE
        except Exception as fault:  # the next run may find the stores back
            outcome = Outcome.FAILED
            _log.error("upkeep failed", error=fault)
        self._tally.ended(outcome, self._rhythm.seconds() - began, self._clock.now().timestamp())
        if report is not None:
            _tell(report)
        return report is not None and report.is_left


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def _tell(report: UpkeepReport) -> None:
    numbers = {name: getattr(report, name) for name in UpkeepReport.__dataclass_fields__}
    if any(numbers.values()):
        _log.info("upkeep", **numbers)
