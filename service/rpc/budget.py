"""How many bytes of photos are in memory at once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from service.domain.errors import Overloaded

WAIT_SECONDS = 30.0
"""32 photos of 10 MiB that came at once were all stored in 18 s, on two cores that had five times more to do."""


class ByteBudget:
    """Bytes that calls hold together, at most ``total``, and for which they wait, at most ``line``.

    First come, first served: a large transfer is never starved by small ones. Beyond the line, or a time in it, calls
    are refused. What is larger than all there is gets all there is: it takes its turn alone.
    """

    def __init__(self, total: int, line: int) -> None:
        self._total = self._free = total
        self._line = line
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._waiting_bytes = 0

    @property
    def total(self) -> int:
        """How many bytes there are."""
        return self._total

    @property
    def held(self) -> int:
        """How many bytes are held now."""
        return self._total - self._free

    @property
    def waiting(self) -> int:
        """How many calls wait now."""
        return len(self._waiting)

    @asynccontextmanager
    async def hold(self, size: int, *, is_under_way: bool = False) -> AsyncIterator[None]:
        """Hold ``size`` bytes while the block runs; see take."""
        size = await self.take(size, is_under_way=is_under_way)
        try:
            yield
        finally:
            self.give(size)

    async def take(self, size: int, *, is_under_way: bool = False) -> int:
        """Wait for ``size`` bytes; return how many must be given back, at most all there are.

        Raises Overloaded: at once when the line is full, unless the call is under way and would be lost; or when the
        bytes do not become free in time.
        """
        size = min(size, self._total)
        if not self._waiting and size <= self._free:
            self._free -= size
        elif is_under_way or self._waiting_bytes + size <= self._line:
            await self._turn(size)
        else:
            raise Overloaded
        return size

    def give(self, size: int) -> None:
        """Give bytes back."""
        self._free += size
        self._wake()

    async def _turn(self, size: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        self._waiting_bytes += size
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._free += size
            else:
                with suppress(ValueError):  # a release in the same moment passed this turn over and took it out
                    self._waiting.remove((size, turn))
            self._wake()
            if isinstance(error, TimeoutError):
                raise Overloaded from None
            raise
        finally:
            self._waiting_bytes -= size

    def _wake(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= size
                turn.set_result(None)
