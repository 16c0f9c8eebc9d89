"""What uploads hold while they arrive.

An upload earns its place. Its first bytes are counted as they come; with more of them it waits for room for all that it
announced. One that then keeps the others waiting gives back what has not come, and is counted as it comes again. So a
stalled upload holds what it has sent and no more, and nobody who holds something waits for somebody else who does.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.domain.errors import Overloaded, UploadStalled
from service.rpc.budget import ByteBudget

FIRST_BYTES = 256 * 1024
"""One message of an SDK."""

LULL_SECONDS = 2.0
PROMPT_BYTES_PER_SECOND = 256 * 1024
"""An upload that is further behind this pace than a lull is slow: 10 MiB in 41 s are not."""


class Arrivals:
    """Room beside that for whole photos, where nobody waits, for uploads that begin or are slow.

    It is as much again, and one caller has half of it at most.
    """

    def __init__(self, transfers: ByteBudget) -> None:
        self._transfers = transfers
        self._room = transfers.total
        self._counted = 0
        self._of_callers: Counter[str] = Counter()

    @property
    def counted(self) -> int:
        """How many bytes uploads hold that begin or are slow."""
        return self._counted

    @asynccontextmanager
    async def upload(self, announced: int, caller: str = "") -> AsyncIterator["Arriving"]:
        """Let an upload of so many bytes arrive; it holds them until the block ends."""
        arriving = Arriving(self, self._transfers, announced, caller)
        try:
            yield arriving
        finally:
            arriving.leave()

    def has_room(self, size: int, caller: str) -> bool:
        """Whether a caller can take so many bytes."""
        return self._counted + size <= self._room and self._of_callers[caller] + size <= self._room // 2

    def count(self, size: int, caller: str) -> None:
        """Take bytes at once. Raises Overloaded."""
        if not self.has_room(size, caller):
            raise Overloaded
        self._counted += size
        self._of_callers[caller] += size

    def uncount(self, size: int, caller: str) -> None:
        """Give bytes back."""
        self._counted -= size
        self._of_callers[caller] -= size
        if not self._of_callers[caller]:
            del self._of_callers[caller]


class Arriving:
    """One upload: counted byte by byte, unless it holds a ``_place`` for all."""

    def __init__(self, arrivals: Arrivals, transfers: ByteBudget, announced: int, caller: str) -> None:
        self._arrivals = arrivals
        self._transfers = transfers
        self._announced = announced
        self._caller = caller
        self._came = self._counted = self._place = 0
        self._is_slow = False
        self._slow_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def taken_in(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass chunks on, each when there is room for it. Raises Overloaded, UploadStalled."""
        while (chunk := await self._next(chunks)) is not None:
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

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        if not self._place:
            return await anext(chunks, None)
        try:
            async with asyncio.timeout(None) as patience:
                self._look_at(self._slow_at, patience)
                return await anext(chunks, None)
        except TimeoutError:
            raise UploadStalled from None
        finally:
            if self._timer is not None:
                self._timer.cancel()

    async def _make_room(self, size: int) -> None:
        now = asyncio.get_running_loop().time
        self._came += size
        if self._place:
            self._slow_at = min(self._slow_at + size / PROMPT_BYTES_PER_SECOND, now() + LULL_SECONDS)
            return
        self._arrivals.count(size, self._caller)
        self._counted += size
        if self._came > FIRST_BYTES and not self._is_slow:
            self._place = await self._transfers.take(self._announced, self._caller)
            self._uncount()
            self._slow_at = now() + LULL_SECONDS

    def _uncount(self) -> None:
        self._arrivals.uncount(self._counted, self._caller)
        self._counted = 0

    def _look_at(self, when: float, patience: asyncio.Timeout) -> None:
        self._timer = asyncio.get_running_loop().call_at(when, self._slow_down, patience)

    def _slow_down(self, patience: asyncio.Timeout) -> None:
        """Give its place up for what has come. Where there is no room for that, it goes when somebody waits for it."""
        now = asyncio.get_running_loop().time()
        if self._arrivals.has_room(self._came, self._caller):
            self._arrivals.count(self._came, self._caller)
            self._counted, self._is_slow = self._came, True
            self._transfers.give(self._place)
            self._place = 0
        elif self._transfers.waiting:
            patience.reschedule(now)
        else:
            self._look_at(now + LULL_SECONDS, patience)
