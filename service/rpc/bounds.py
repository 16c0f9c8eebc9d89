"""How much of everything callers may have at once, or in a time; beyond it they are refused at once."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from service.domain.errors import Overloaded
from service.rpc.rates import Rate
from service.rpc.transfers import Transfers


@dataclass(frozen=True, slots=True)
class Bounds:
    """What each process bears: photos, calls and watchers at once, watchers and, in a time, calls of one caller.

    ``transfer_rate`` is for uploads, downloads and releases, beside ``call_rate``; None is no limit.
    """

    transfers: Transfers
    calls: int
    watchers: int
    watchers_each: int
    call_rate: Rate | None
    transfer_rate: Rate | None


class Places:
    """Places for so many calls of a kind, and for so many of each caller."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._taken: Counter[str] = Counter()
        self._count = 0

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncIterator[None]:
        """Take a place while the block runs. Raises Overloaded."""
        if self._count >= self._most or self._taken[caller] >= self._most_each:
            raise Overloaded
        self._count += 1
        self._taken[caller] += 1
        try:
            yield
        finally:
            self._count -= 1
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]
