"""A wire that tests can cut, listen to and hold up: a TCP proxy in front of a store or a server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qs, urlsplit

Connect = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Tap:
    """Sees what one connection carries before it is passed on; waiting holds it up, EOFError breaks the connection."""

    async def asked(self, data: bytes) -> None:
        """See bytes of a caller."""

    async def answered(self, data: bytes) -> None:
        """See bytes for a caller."""


@dataclass
class Wire:
    """Passes bytes between callers on ``port`` and a store at a host and port, or at a unix socket.

    ``answered`` is how many bytes went to callers in all. Each connection gets a tap.
    """

    target: tuple[str, int] | str
    port: int = 0
    tap: Callable[[], Tap] = Tap
    answered: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def endpoint(self) -> str:
        """Where callers connect."""
        return f"127.0.0.1:{self.port}"

    async def join(self) -> None:
        """Let callers through, at the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, start_serving=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break all connections and refuse new ones."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await self._connect()
            tap = self.tap()
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(_pass_on(reader, far_writer, tap.asked))
                    both.create_task(_pass_on(far_reader, writer, partial(self._answer, tap)))
            except* (OSError, EOFError):
                pass
            finally:
                far_writer.transport.abort()
        writer.transport.abort()
        self._tasks.discard(task)

    async def _answer(self, tap: Tap, data: bytes) -> None:
        await tap.answered(data)
        self.answered += len(data)

    async def _connect(self) -> Connect:
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection(*self.target)


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, see: Callable[[bytes], Awaitable[None]]
) -> None:
    while data := await reader.read(1 << 16):
        await see(data)
        writer.write(data)
        await writer.drain()
    raise EOFError


@asynccontextmanager
async def wire_to(target: tuple[str, int] | str, tap: Callable[[], Tap] = Tap) -> AsyncIterator[Wire]:
    """A wire that is whole at first."""
    wire = Wire(target, tap=tap)
    await wire.join()
    try:
        yield wire
    finally:
        await wire.cut()


def socket_of(database_url: str) -> str:
    """Return the unix socket of the embedded Postgres."""
    query = parse_qs(urlsplit(database_url).query)
    return f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"


def through(database_url: str, wire: Wire) -> str:
    """Return the URL of the same database at the near end of a wire."""
    parts = urlsplit(database_url)
    return f"postgresql://{parts.username}@{wire.endpoint}{parts.path}?sslmode=disable"
