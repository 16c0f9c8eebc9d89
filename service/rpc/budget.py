"""How many bytes of photos are in memory at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.domain.errors import Overloaded
from service.rpc.line import Line, Waiting

WAIT_SECONDS = 30.0
"""32 photos of 10 MiB that came at once were all stored in 18 s, on two cores that had five times more to do."""

STILL_SECONDS = 2.0
"""How long a caller who has room may take to take a message while others wait for it."""


class ByteBudget:
    """Bytes that calls hold together, at most ``total``, and for which they wait, at most ``line``.

    Callers take turns, and of each caller the call that came first: a large transfer is never starved by small ones,
    nor one caller by another. Beyond the line, or half of it for one caller, or a time in it, calls are refused. What
    is larger than all there is gets all there is: it takes its turn alone.
    """

    def __init__(self, total: int, line: int) -> None:
        self._total = self._free = total
        self._most_waiting = line
        self._line = Line()
        self._writing: dict[asyncio.Timeout, float] = {}

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
        return len(self._line)

    @asynccontextmanager
    async def hold(self, size: int, caller: str = "", *, is_under_way: bool = False) -> AsyncIterator[None]:
        """Hold ``size`` bytes while the block runs; see take."""
        size = await self.take(size, caller, is_under_way=is_under_way)
        try:
            yield
        finally:
            self.give(size)

    async def take(self, size: int, caller: str = "", *, is_under_way: bool = False) -> int:
        """Wait for ``size`` bytes; return how many must be given back, at most all there are.

        Raises Overloaded: at once when the line is full, unless the call is under way and would be lost; or when the
        bytes do not become free in time.
        """
        size = min(size, self._total)
        if self._line.first is None and size <= self._free:
            self._free -= size
        elif is_under_way or self._has_place(size, caller):
            await self._wait(Waiting(caller, size))
        else:
            raise Overloaded
        return size

    def give(self, size: int) -> None:
        """Give bytes back."""
        self._free += size
        self._wake()

    @asynccontextmanager
    async def write_within(self, seconds: float) -> AsyncIterator[None]:
        """Limit the time that a caller takes to take a message; it is shorter while others wait.

        Raises TimeoutError.
        """
        now, soon = asyncio.get_running_loop().time(), min(seconds, STILL_SECONDS)
        async with asyncio.timeout_at(now + (soon if self._line else seconds)) as timer:
            self._writing[timer] = now + soon
            try:
                yield
            finally:
                del self._writing[timer]

    def _hurry(self) -> None:
        for timer, soon in self._writing.items():
            if not timer.expired() and (timer.when() or 0) > soon:
                timer.reschedule(soon)

    def _has_place(self, size: int, caller: str) -> bool:
        is_short = self._line.bytes + size <= self._most_waiting
        return is_short and self._line.bytes_of(caller) + size <= self._most_waiting // 2

    async def _wait(self, waiting: Waiting) -> None:
        self._line.join(waiting)
        self._hurry()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await waiting.turn
        except BaseException as error:
            if waiting.turn.done() and not waiting.turn.cancelled():
                self._free += waiting.size
            else:
                self._line.leave(waiting)
            self._wake()
            if isinstance(error, TimeoutError):
                raise Overloaded from None
            raise

    def _wake(self) -> None:
        while (first := self._line.first) is not None and first.size <= self._free:
            self._line.serve(first)
            if not first.turn.done():
                self._free -= first.size
                first.turn.set_result(None)
