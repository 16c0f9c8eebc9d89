"""Server processes that follow each other at one address: while one serves, the next has opened all but the door.

They are forked from a process that has imported everything, so one costs a fraction of a start from nothing.
"""

import asyncio
import multiprocessing
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import uvloop

from service import logs
from service.commands.listening import held_port
from service.config import Settings
from service.wiring import open_server, open_world

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload([__name__])
Server = tuple[ForkServerProcess, Connection]


class Succession:
    """One serves, one waits for its turn."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._settings, self._log = settings, log
        self._serving, self._next = self._started(), self._started()

    def _started(self) -> Server:
        ours, theirs = _FORKING.Pipe()
        process = _FORKING.Process(target=_run, args=(self._settings, self._log, theirs))
        process.start()
        theirs.close()
        return process, ours

    async def begin(self) -> None:
        """Let the first one serve."""
        await _take_turn(self._serving)

    async def kill(self) -> None:
        """Kill the one that serves, all of a sudden, and let the next one take its place."""
        process, _ = self._serving
        process.kill()
        await asyncio.to_thread(process.join)
        await _take_turn(self._next)
        self._serving, self._next = self._next, self._started()

    async def end(self) -> None:
        """Kill both."""
        for process, pipe in (self._serving, self._next):
            process.kill()
            await asyncio.to_thread(process.join)
            pipe.close()


@asynccontextmanager
async def succession(settings: Settings, folder: Path) -> AsyncIterator[tuple[Succession, str]]:
    """Keep a server at an address until the block ends; give the servers and the address."""
    with held_port("127.0.0.1", 0) as port:
        address = f"127.0.0.1:{port}"
        own = settings.model_copy(update={"address": address, "decoders": 1})
        servers = Succession(own, folder / "log.jsonl")
        try:
            await servers.begin()
            yield servers, address
        finally:
            await servers.end()


async def _take_turn(server: Server) -> None:
    """Wait until it has opened its world, then let it serve. Raises EOFError when it has ended."""
    _, pipe = server
    await asyncio.to_thread(pipe.recv)
    pipe.send(None)


def _run(settings: Settings, log: Path, pipe: Connection) -> None:
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    logs.configure()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, pipe))


async def _serve(settings: Settings, pipe: Connection) -> None:
    """As the command ``serve`` does; ends with the process that started it, if nothing kills it before."""
    async with open_world(settings) as built:
        pipe.send(None)
        await asyncio.to_thread(_told, pipe)
        async with open_server(settings, built, share_port=True):
            await asyncio.to_thread(_told, pipe)


def _told(pipe: Connection) -> None:
    with suppress(EOFError):
        pipe.recv()
