"""Port Pictures: a pool of fenced decoder processes.

No vendor's pool: ``multiprocessing``, and every pool built on it, unpickles what a worker answers, and a decoder that a
photo has taken over would then run its code here, where keys and tokens are. ``pictures_frames`` is the protocol
instead. What a worker may do is in ``pictures_sandbox``, what one process is to the pool in ``pictures_process``, and
what happens when it dies in ``pictures_seat``.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

from service.adapters.pictures_process import DecoderLimits
from service.adapters.pictures_queue import JobQueue
from service.adapters.pictures_seat import Seat
from service.domain.errors import ImageTooLarge, Overloaded
from service.domain.limits import MAX_PHOTO_BYTES
from service.domain.model import MediaType, Rendition
from service.ports.outside import RenderedMedia

WORKERS = 2
QUEUE = 64
"""Photos waiting for a worker, each of at most 10 MiB; one more is refused."""

TASKS_PER_WORKER = 500
"""Then the process is replaced: what leaked or was planted in it goes with it."""


class PicturePool:
    """Port Pictures. Each seat has an asyncio task that alone speaks with its worker: a caller only waits."""

    def __init__(self, queue: int, tasks_per_worker: int, limits: DecoderLimits) -> None:
        self._seats: list[Seat] = []
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
        serving: list[asyncio.Task[None]] = []
        try:
            await pool._start(workers)
            serving += [asyncio.create_task(pool._serve(seat)) for seat in pool._seats]
            yield pool
        finally:
            await pool._close(serving)

    @property
    def sandbox(self) -> tuple[str, ...]:
        """The fences that hold around every worker; see ``pictures_sandbox``."""
        first, *others = (seat.worker.sandbox for seat in self._seats)
        return tuple(name for name in first if all(name in other for other in others))

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers."""
        return tuple(seat.worker.pid for seat in self._seats)

    @property
    def alive(self) -> bool:
        """False when a worker has died that is not replaced yet: the next photo for it starts another."""
        return all(seat.worker.alive for seat in self._seats)

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
        if self._closed or self._busy + len(self._waiting) >= len(self._seats) + self._queue:
            raise Overloaded
        return await self._waiting.answer(photo, media_type, renditions)

    async def _start(self, workers: int) -> None:
        async def one() -> None:
            self._seats.append(await Seat.open(self._limits, self._tasks_per_worker))

        try:
            async with asyncio.TaskGroup() as starting:
                for _ in range(workers):
                    starting.create_task(one())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _close(self, serving: Sequence[asyncio.Task[None]]) -> None:
        self._closed = True
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        self._waiting.refuse_all()
        await asyncio.gather(*(seat.close() for seat in self._seats))

    async def _serve(self, seat: Seat) -> None:
        while True:
            job = await self._waiting.take()
            self._busy += 1
            try:
                await seat.work(job)
            except asyncio.CancelledError:
                job.settle(Overloaded())
                raise
            finally:
                self._busy -= 1
                del job  # and with it the photo, while the seat waits for the next
