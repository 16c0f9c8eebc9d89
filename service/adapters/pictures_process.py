"""One decoder process as the pool sees it: started with nothing, trusted with nothing, killed without regret."""

import asyncio
import contextlib
import math
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from service.adapters.pictures_frames import (
    PREFIX,
    BadFrame,
    frame,
    header_of,
    max_answer,
    rendered_of,
    sandbox_of,
    sizes,
)
from service.adapters.pictures_lost import DecoderLost, lost_by
from service.adapters.pictures_sandbox import OPTIONAL, REQUIRED
from service.domain.model import MediaType, Rendition
from service.ports.outside import RenderedMedia

START_SECONDS = 30.0
"""From the start of a process to its hello; about 0.3 on an idle machine with warm files."""

_ROOT = Path(__file__).resolve().parents[2]
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2", "VIPS_CONCURRENCY": "1"}
"""All that a decoder gets of an environment: the server's holds secrets."""

_BOOT = (
    "import sys; sys.path.append(sys.argv[1]); from service.adapters.pictures_worker import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]))"
)


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """What one task may take: seconds by the clock (and of CPU), and bytes of address space for the whole process."""

    seconds: float = 20.0
    memory_bytes: int = 1 << 30


class DecoderProcess:
    """A running worker. One task at a time; after DecoderLost, or a cancelled ``render``, nothing but ``kill``."""

    def __init__(self, process: Process, tasks: asyncio.StreamWriter, answers: asyncio.StreamReader) -> None:
        self._process = process
        self._tasks = tasks
        self._answers = answers
        self._ending: asyncio.Task[None] | None = None
        self.sandbox: tuple[str, ...] = ()
        self.tasks_given = 0

    @classmethod
    async def start(cls, limits: DecoderLimits) -> Self:
        """Start a worker and wait for its hello. Raises DecoderLost, or OSError where no process can be started."""
        process = await asyncio.create_subprocess_exec(
            *worker_command(limits), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=_ENVIRONMENT
        )
        if process.stdin is None or process.stdout is None:
            raise DecoderLost
        worker = cls(process, process.stdin, process.stdout)
        try:
            worker.sandbox = await worker._greeting()
        except BaseException:
            await worker.kill()
            raise
        return worker

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """False once the process was seen to be gone."""
        return self._process.returncode is None

    async def render(
        self, photo: bytes, media_type: MediaType, renditions: Sequence[Rendition], seconds: float
    ) -> RenderedMedia:
        """See Pictures, whose refusals are raised. Raises DecoderLost, also after so many ``seconds``."""
        self.tasks_given += 1
        header = {"task": self.tasks_given, "media_type": media_type, "renditions": list(renditions)}
        try:
            async with asyncio.timeout(seconds):
                try:
                    answer, pictures = await self._exchange(frame(header, len(photo)), photo, max_answer(renditions))
                except (EOFError, OSError):
                    # One that lives on without its pipes is left to the timeout.
                    raise lost_by(await self._process.wait()) from None
            return rendered_of(answer, pictures, self.tasks_given, renditions)
        except (BadFrame, TimeoutError):
            raise DecoderLost from None

    async def kill(self) -> None:
        """End the process, whatever it does, and leave neither a zombie nor an open pipe. May be repeated."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        # A cancelled wait_closed would cancel a future of asyncio's own, and with it the pool's way out.
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        self._tasks.close()
        with contextlib.suppress(OSError):
            await self._tasks.wait_closed()
        # asyncio closes the pipe of a process that has ended when it was read to its end.
        with contextlib.suppress(OSError):
            while await self._answers.read(1 << 16):
                pass
        await self._process.wait()

    async def _greeting(self) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(START_SECONDS):
                hello, _ = await self._receive(0)
            sandbox = sandbox_of(hello, REQUIRED | OPTIONAL)
        except (BadFrame, EOFError, OSError, TimeoutError):
            raise DecoderLost from None
        if not REQUIRED.issubset(sandbox):
            raise DecoderLost
        return sandbox

    async def _exchange(self, start: bytes, photo: bytes, max_body: int) -> tuple[Mapping[str, object], bytes]:
        self._tasks.write(start)
        self._tasks.write(photo)
        await self._tasks.drain()
        return await self._receive(max_body)

    async def _receive(self, max_body: int) -> tuple[Mapping[str, object], bytes]:
        header_size, body_size = sizes(await self._answers.readexactly(PREFIX.size), max_body)
        header = header_of(await self._answers.readexactly(header_size))
        return header, await self._answers.readexactly(body_size)


def worker_command(limits: DecoderLimits) -> tuple[str, ...]:
    """``-I`` keeps the working directory, PYTHON* and the user's site away: the package's place is handed over."""
    cpu_seconds = math.ceil(limits.seconds)
    return (sys.executable, "-I", "-c", _BOOT, str(_ROOT), str(limits.memory_bytes), str(cpu_seconds))
