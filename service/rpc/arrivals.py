"""What uploads hold while they arrive.

An upload earns its place. Its first bytes are counted as they come; with more of them it waits for room for all that it
announced. One that then keeps the others waiting gives back what has not come, and is counted as it comes again. So a
stalled upload holds what it has sent and no more, and nobody who holds something waits for somebody else who does.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.domain.errors import Overloaded
from service.rpc.budget import ByteBudget

FIRST_BYTES = 256 * 1024
"""One message of an SDK."""

LULL_SECONDS = 1.0
PROMPT_BYTES_PER_SECOND = 256 * 1024
"""An upload that is further behind this pace than a lull is slow: 10 MiB in 41 s are not."""


class Arrivals:
    """Room for whole photos, and half as much again, where nobody waits, for uploads that begin or are slow."""

    def __init__(self, transfers: ByteBudget) -> None:
        self._transfers = transfers
        self._room = transfers.total // 2
        self._counted = 0

    @property
    def counted(self) -> int:
        """How many bytes uploads hold that begin or are slow."""
        return self._counted

    @asynccontextmanager
    async def upload(self, announced: int) -> AsyncIterator["Arriving"]:
        """Let an upload of so many bytes arrive; it holds them until the block ends."""
        arriving = Arriving(self, self._transfers, announced)
        try:
            yield arriving
        finally:
            arriving.leave()

    def has_room(self, size: int) -> bool:
        """Whether so many bytes can be taken."""
        return self._counted + size <= self._room

    def count(self, size: int) -> None:
        """Take bytes at once. Raises Overloaded."""
        if not self.has_room(size):
            raise Overloaded
        self._counted += size

    def uncount(self, size: int) -> None:
        """Give bytes back."""
        self._counted -= size


class Arriving:
    """One upload: counted byte by byte, unless it holds a ``_place`` for all."""

    def __init__(self, arrivals: Arrivals, transfers: ByteBudget, announced: int) -> None:
        self._arrivals = arrivals
        self._transfers = transfers
        self._announced = announced
        self._came = self._counted = self._place = 0
        self._is_slow = False
        self._slow_at = 0.0

    async def taken_in(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass chunks on, each when there is room for it. Raises Overloaded."""
        loop = asyncio.get_running_loop()
        while True:
            timer = loop.call_at(self._slow_at, self._slow_down) if self._place else None
            try:
                chunk = await anext(chunks, None)
            finally:
                if timer is not None:
                    timer.cancel()
            if chunk is None:
                break
            await self._make_room(len(chunk))
            yield chunk
        if self._place > self._came:
            self._transfers.give(self._place - self._came)
            self._place = self._came

    def leave(self) -> None:
        """Give back all that it holds."""
        self._transfers.give(self._place)
        self._place = 0
        self._uncount()

    async def _make_room(self, size: int) -> None:
        now = asyncio.get_running_loop().time
        self._came += size
        if self._place:
            self._slow_at = min(self._slow_at + size / PROMPT_BYTES_PER_SECOND, now() + LULL_SECONDS)
            return
        self._arrivals.count(size)
        self._counted += size
        if self._came > FIRST_BYTES and not self._is_slow:
            self._place = await self._transfers.take(self._announced)
            self._uncount()
            self._slow_at = now() + LULL_SECONDS

    def _uncount(self) -> None:
        self._arrivals.uncount(self._counted)
        self._counted = 0

    def _slow_down(self) -> None:
        """Where there is no room for what has come, all of it keeps its place: memory is bounded before all."""
        if self._arrivals.has_room(self._came):
            self._arrivals.count(self._came)
            self._counted, self._is_slow = self._came, True
            self._transfers.give(self._place)
            self._place = 0
