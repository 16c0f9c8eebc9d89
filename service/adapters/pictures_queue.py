"""The photos that wait for a decoder, and the callers that wait for their photos."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.errors import Overloaded
from service.domain.model import MediaType, Rendition
from service.ports.outside import RenderedMedia


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A photo, and the future on which its caller waits."""

    photo: bytes
    media_type: MediaType
    renditions: tuple[Rendition, ...]
    answer: asyncio.Future[RenderedMedia]

    def settle(self, outcome: RenderedMedia | Exception) -> None:
        """A caller that gave up has cancelled its future: nobody is told then."""
        if self.answer.done():
            return
        if isinstance(outcome, RenderedMedia):
            self.answer.set_result(outcome)
        else:
            self.answer.set_exception(outcome)


class JobQueue:
    """First come, first served. A caller that gives up takes its photo out again; one that a worker has stays there."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._offered = asyncio.Semaphore(0)

    def __len__(self) -> int:
        return len(self._jobs)

    async def answer(self, photo: bytes, media_type: MediaType, renditions: Sequence[Rendition]) -> RenderedMedia:
        """Queue a photo and return, or raise, what its job was settled with."""
        job = Job(photo, media_type, tuple(renditions), asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._offered.release()
        try:
            return await job.answer
        finally:
            if job in self._jobs:
                self._jobs.remove(job)

    async def take(self) -> Job:
        """Wait for a job. The semaphore counts those too that were taken out, hence the loop."""
        while True:
            await self._offered.acquire()
            if self._jobs:
                return self._jobs.popleft()

    def refuse_all(self) -> None:
        """Settle what waits with Overloaded."""
        for job in self._jobs:
            job.settle(Overloaded())
