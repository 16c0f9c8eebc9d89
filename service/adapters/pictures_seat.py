"""The place of one worker in the pool: whoever works there, one photo after another."""

import asyncio
import logging
from typing import Self

from service.adapters.pictures_lost import DecoderKilled, DecoderLost
from service.adapters.pictures_process import DecoderLimits, DecoderProcess
from service.adapters.pictures_queue import Job
from service.domain.errors import MeImageError, UndecodableImage
from service.ports.outside import RenderedMedia

ATTEMPTS = 2
"""A photo whose workers were killed from outside so many times is held to be the cause."""

RESTART_SECONDS = 1.0
"""Between two attempts to start a worker."""

_log = logging.getLogger(__name__)


class Seat:
    """A worker, which this alone speaks with and replaces. ``close`` when done."""

    def __init__(self, worker: DecoderProcess, limits: DecoderLimits, max_tasks: int) -> None:
        self._limits = limits
        self._max_tasks = max_tasks
        self.worker = worker

    @classmethod
    async def open(cls, limits: DecoderLimits, max_tasks: int) -> Self:
        """Start a worker, to be replaced after so many tasks. Raises DecoderLost, or OSError."""
        return cls(await DecoderProcess.start(limits), limits, max_tasks)

    async def work(self, job: Job) -> None:
        """Settle a job, whatever becomes of the worker."""
        try:
            job.settle(await self._attempts(job))
        except MeImageError as refusal:
            job.settle(refusal)
        except DecoderLost:
            job.settle(UndecodableImage())
            await self._replace()
        except Exception as fault:
            job.settle(fault)
            await self._replace()
        if self.worker.tasks_given >= self._max_tasks:
            await self._replace()

    async def close(self) -> None:
        """Kill the worker."""
        await self.worker.kill()

    async def _attempts(self, job: Job) -> RenderedMedia:
        for _ in range(1, ATTEMPTS):
            try:
                return await self._attempt(job)
            except DecoderKilled:
                if job.answer.done():
                    raise
        return await self._attempt(job)

    async def _attempt(self, job: Job) -> RenderedMedia:
        if not self.worker.alive:
            await self._replace()
        return await self.worker.render(job.photo, job.media_type, job.renditions, self._limits.seconds)

    async def _replace(self) -> None:
        await self.worker.kill()
        while True:
            try:
                self.worker = await DecoderProcess.start(self._limits)
            except (DecoderLost, OSError):
                _log.error("decoder does not start")
                await asyncio.sleep(RESTART_SECONDS)
            else:
                _log.info("decoder replaced")
                return
