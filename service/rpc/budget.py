"""How many bytes of photos are in memory at once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from service.domain.errors import Overloaded

WAIT_SECONDS = 60.0


class ByteBudget:
    """Bytes that calls may hold together. First come, first served: a large transfer is never starved by small ones.

    What is larger than all there is gets all there is: it takes its turn alone.
    """

    def __init__(self, total: int) -> None:
        self._total = self._free = total
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Hold ``size`` bytes while the block runs. Raises Overloaded when they do not become free in time."""
        size = min(size, self._total)
        await self._take(size)
        try:
            yield
        finally:
            self._free += size
            self._wake()

    async def _take(self, size: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        self._wake()
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

    def _wake(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= size
                turn.set_result(None)
