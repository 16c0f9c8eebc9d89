"""One run of upkeep: sweeps that are bounded, and that go on whatever happens to one of their items."""

import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from service.ports.upkeep import UpkeepObserver
from service.usecases.world import World

BATCH = 200
"""Rows that one statement looks for, or removes."""

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What each sweep of a run may take: items, and seconds of ``monotonic``. ``is_over`` ends the run early."""

    items: int = sys.maxsize
    seconds: float = float("inf")
    monotonic: Callable[[], float] = lambda: 0.0
    is_over: Callable[[], bool] = lambda: False


class _Share:
    """What is left of one sweep's allowance."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._until = allowance.monotonic() + allowance.seconds
        self._items = allowance.items

    def take(self, items: int) -> None:
        self._items -= items

    @property
    def is_spent(self) -> bool:
        is_late = self._allowance.monotonic() >= self._until
        return self._items <= 0 or is_late or self._allowance.is_over()


class Run:
    """What a run has removed so far by what it is, what could not go, and whether a sweep came to its bounds."""

    def __init__(self, world: World, observer: UpkeepObserver, allowance: Allowance) -> None:
        self._world = world
        self._observer = observer
        self._allowance = allowance
        self.removed: Counter[str] = Counter()
        self.failed = 0
        self.is_left = False

    async def through(
        self,
        what: str,
        after: _Item | None,
        page: Callable[[_Item | None], Awaitable[list[_Item]]],
        work: Callable[[_Item], Awaitable[Counter[str]]],
    ) -> _Item | None:
        """Work on what waits behind a place; return where it stopped, None when it came to the end."""
        share = _Share(self._allowance)
        try:
            while items := await page(after):
                for item in items:
                    if share.is_spent:
                        self.is_left = True
                        return after
                    share.take(1)
                    after = item
                    await self._one(what, work, item)
        except Exception as fault:  # a sweep that cannot even look must not keep the others from it
            await self._passed_over(what, fault)
        return None

    async def forget(self, what: str, forget: Callable[[datetime, int], Awaitable[int]], before: datetime) -> None:
        """Remove rows by the batch."""
        share = _Share(self._allowance)
        try:
            while not share.is_spent:
                forgotten = await forget(before, BATCH)
                self._count(Counter({what: forgotten}))
                share.take(forgotten)
                if forgotten < BATCH:
                    return
            self.is_left = True
        except Exception as fault:  # as above
            await self._passed_over(what, fault)

    async def _one(self, what: str, work: Callable[[_Item], Awaitable[Counter[str]]], item: _Item) -> None:
        try:
            self._count(await work(item))
        except Exception as fault:  # one item's fault must not keep the others
            await self._passed_over(what, fault)

    async def _passed_over(self, what: str, fault: Exception) -> None:
        """Count a fault; a store that is away is none of one item, and ends the run."""
        await self._world.store.ping()
        await self._world.objects.ping()
        self.failed += 1
        self._observer.failed(what, fault)

    def _count(self, gone: Counter[str]) -> None:
        self.removed += gone
        for what, count in gone.items():
            self._observer.removed(what, count)
