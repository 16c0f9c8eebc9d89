"""Port Pictures: a pool of fenced decoder processes.

No vendor's pool: ``multiprocessing``, and every pool built on it, unpickles what a worker answers, and a decoder that a
photo has taken over would then run its code here, where keys and tokens are. ``pictures_frames`` is the protocol
instead. What a worker may do is in ``pictures_sandbox``, what one process is to the pool in ``pictures_process``.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

from service.adapters.pictures_process import DecoderLimits, DecoderLost, DecoderProcess
from service.adapters.pictures_queue import Job, JobQueue
from service.domain.errors import ImageTooLarge, MeImageError, Overloaded, UndecodableImage
from service.domain.limits import MAX_PHOTO_BYTES
from service.domain.model import MediaType, Rendition
from service.ports.outside import RenderedMedia

WORKERS = 2
QUEUE = 64
"""Photos waiting for a worker, each of at most 10 MiB; one more is refused."""

TASKS_PER_WORKER = 500
"""Then the process is replaced: what leaked or was planted in it goes with it."""

RESTART_SECONDS = 1.0
"""Between two attempts to start a worker."""

_log = logging.getLogger(__name__)


class PicturePool:
    """Port Pictures. Each worker has an asyncio task, its seat, that alone speaks with it: a caller only waits."""

    def __init__(self, queue: int, tasks_per_worker: int, limits: DecoderLimits) -> None:
        self._workers: list[DecoderProcess] = []
        self._queue = queue
        self._tasks_per_worker = tasks_per_worker
        self._limits = limits
        self._waiting = JobQueue()
        self._busy = 0
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        workers: int = WORKERS,
        queue: int = QUEUE,
        tasks_per_worker: int = TASKS_PER_WORKER,
        limits: DecoderLimits | None = None,
    ) -> AsyncIterator[Self]:
        """Start the workers; kill them at the end, when calls that still wait raise Overloaded.

        Raises DecoderLost, or OSError, when a worker does not start or the fences that are required do not hold.
        """
        pool = cls(queue, tasks_per_worker, limits or DecoderLimits())
        seats: list[asyncio.Task[None]] = []
        try:
            await pool._start(workers)
            seats += [asyncio.create_task(pool._serve(seat)) for seat in range(workers)]
            yield pool
        finally:
            await pool._close(seats)

    @property
    def sandbox(self) -> tuple[str, ...]:
        """The fences that hold around every worker; see ``pictures_sandbox``."""
        first, *others = (worker.sandbox for worker in self._workers)
        return tuple(name for name in first if all(name in other for other in others))

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers."""
        return tuple(worker.pid for worker in self._workers)

    @property
    def alive(self) -> bool:
        """False when a worker has died that is not replaced yet: the next photo for it starts another."""
        return all(worker.alive for worker in self._workers)

    @property
    def busy(self) -> int:
        """How many workers have a photo."""
        return self._busy

    @property
    def waiting(self) -> int:
        """How many photos have no worker yet."""
        return len(self._waiting)

    async def render(self, photo: bytes, media_type: MediaType, renditions: Sequence[Rendition]) -> RenderedMedia:
        """See Pictures. Raises ImageTooLarge, too, above 10 MiB. A cancelled call ends at once; its photo may go on."""
        if len(photo) > MAX_PHOTO_BYTES:
            raise ImageTooLarge
        if self._closed or self._busy + len(self._waiting) >= len(self._workers) + self._queue:
            raise Overloaded
        return await self._waiting.answer(photo, media_type, renditions)

    async def _start(self, workers: int) -> None:
        async def one() -> None:
            self._workers.append(await DecoderProcess.start(self._limits))

        try:
            async with asyncio.TaskGroup() as starting:
                for _ in range(workers):
                    starting.create_task(one())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _close(self, seats: Sequence[asyncio.Task[None]]) -> None:
        self._closed = True
        for seat in seats:
            seat.cancel()
        await asyncio.gather(*seats, return_exceptions=True)
        self._waiting.refuse_all()
        await asyncio.gather(*(worker.kill() for worker in self._workers))

    async def _serve(self, seat: int) -> None:
        while True:
            job = await self._waiting.take()
            self._busy += 1
            try:
                await self._work(seat, job)
            except asyncio.CancelledError:
                job.settle(Overloaded())
                raise
            finally:
                self._busy -= 1
                del job  # and with it the photo, while the seat waits for the next

    async def _work(self, seat: int, job: Job) -> None:
        if not self._workers[seat].alive:
            await self._replace(seat)
        worker = self._workers[seat]
        try:
            job.settle(await worker.render(job.photo, job.media_type, job.renditions, self._limits.seconds))
        except MeImageError as refusal:
            job.settle(refusal)
        except DecoderLost:
            job.settle(UndecodableImage())
            await self._replace(seat)
        except Exception as fault:
            job.settle(fault)
            await self._replace(seat)
        if self._workers[seat].tasks_given >= self._tasks_per_worker:
            await self._replace(seat)

    async def _replace(self, seat: int) -> None:
        await self._workers[seat].kill()
        while True:
            try:
                self._workers[seat] = await DecoderProcess.start(self._limits)
            except (DecoderLost, OSError):
                _log.error("decoder does not start")
                await asyncio.sleep(RESTART_SECONDS)
            else:
                _log.info("decoder replaced")
                return
