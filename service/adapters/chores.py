"""Port Chores: one task that does what can wait, one piece after another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from service.domain.errors import MeImageError

QUEUE = 256
"""Pieces of work that wait; what comes on top is dropped."""

_log = structlog.get_logger()


class BackgroundChores:
    """Port Chores."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Callable[[], Awaitable[object]]] = asyncio.Queue(QUEUE)

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["BackgroundChores"]:
        """Do chores while the block runs; what is under way then is given up."""
        chores = cls()
        task = asyncio.create_task(chores._work())
        try:
            yield chores
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def soon(self, work: Callable[[], Awaitable[object]]) -> None:
        """See Chores."""
        with suppress(asyncio.QueueFull):
            self._waiting.put_nowait(work)

    async def done(self) -> None:
        """Return when everything is done that was asked for until now."""
        await self._waiting.join()

    async def _work(self) -> None:
        while True:
            work = await self._waiting.get()
            try:
                await work()
            except MeImageError as refusal:
                _log.info("chore refused", error=refusal)
            except Exception as fault:  # one chore's fault must not end the others
                _log.error("chore failed", error=fault)
            finally:
                self._waiting.task_done()
