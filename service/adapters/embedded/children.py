"""Child processes that end with us: by a signal when we leave, by the kernel when we are killed."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from service.adapters.embedded.waiting import until

_LEASH = Path(__file__).with_name("leash.py")


class EmbeddedStoreError(Exception):
    """An embedded store did not start as it should. The message names what to look at and holds no secret."""


class EndedEarlyError(EmbeddedStoreError):
    """A child ended by itself before it was ready."""


@dataclass(frozen=True)
class User:
    """Whose rights a child gets."""

    uid: int
    gid: int

    @classmethod
    def ourselves(cls) -> "User":
        """Return the user we run as."""
        return cls(os.geteuid(), os.getegid())


@dataclass(frozen=True)
class Program:
    """How to run one child.

    `stop_signal` asks it to end, for which it has `stop_seconds`; the kernel sends `orphan_signal` when we die.
    """

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]
    log: Path
    user: User
    stop_signal: signal.Signals
    orphan_signal: signal.Signals
    stop_seconds: float


@asynccontextmanager
async def running(program: Program) -> AsyncIterator[Process]:
    """Run a program while the context is open.

    The thread of the event loop must live on: Linux takes the end of the thread that forked for our death.
    """
    process = await _spawn(program)
    try:
        yield process
    finally:
        await _stop(process, program)


async def run(program: Program, seconds: float) -> None:
    """Run a program to its end. Raises EmbeddedStoreError where it fails or takes longer than `seconds`."""
    async with running(program) as process:
        try:
            async with asyncio.timeout(seconds):
                code = await process.wait()
        except TimeoutError:
            raise EmbeddedStoreError(f"{program.name} took over {seconds:g} s; its log is {program.log}") from None
        if code != 0:
            raise EmbeddedStoreError(f"{program.name} failed with exit code {code}; its log is {program.log}")


async def ready(process: Process, program: Program, answers: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """Wait until a child answers. Raises EndedEarlyError where it ended, EmbeddedStoreError after `seconds`."""

    async def answers_or_ended() -> bool:
        return process.returncode is not None or await answers()

    in_time = await until(answers_or_ended, seconds)
    if process.returncode is not None:
        raise EndedEarlyError(f"{program.name} did not start; its log is {program.log}")
    if not in_time:
        raise EmbeddedStoreError(f"{program.name} was not ready within {seconds:g} s; its log is {program.log}")


async def _spawn(program: Program) -> Process:
    user, orphan_signal = program.user, int(program.orphan_signal)
    leash = (sys.executable, "-I", "-S", _LEASH, os.getpid(), orphan_signal, user.uid, user.gid)
    with _fresh_log(program.log) as log:
        return await asyncio.create_subprocess_exec(
            *(str(word) for word in (*leash, *program.command)),
            stdin=DEVNULL,
            stdout=log,
            stderr=log,
            env=program.environment,
            start_new_session=True,  # Ctrl-C in the terminal reaches us alone, and we end them when we are done
        )


def _fresh_log(path: Path) -> BinaryIO:
    """Open a log that only we may read. The one of the run before is kept beside it, which bounds both."""
    with suppress(FileNotFoundError):
        path.replace(path.with_name(f"{path.name}.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600), "wb")


async def _stop(process: Process, program: Program) -> None:
    try:
        with suppress(ProcessLookupError):
            process.send_signal(program.stop_signal)
        async with asyncio.timeout(program.stop_seconds):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    except asyncio.CancelledError:
        process.kill()  # whoever cancels a stop is done with waiting
        raise
