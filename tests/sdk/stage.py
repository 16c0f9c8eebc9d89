"""The live server of the scenario: a process that can be restarted, and a connection to it that breaks."""

import asyncio
import signal
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from service.config import Settings
from tests.dev_process import ended, environment, service
from tests.sdk.restart import SERVING
from tests.serve_process import free_port, variables
from tests.waiting import until

CUT_AFTER_BYTES = 3_500_000
"""Half of the photo that goes over the connection that breaks."""


class LiveServer:
    """`python -m service serve` at one address, through restarts."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._variables = variables(settings.model_copy(update={"address": self.address}))
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and return once it is healthy."""
        with (self._folder / "log.jsonl").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "service", "serve"),
                cwd=self._folder,
                env=environment() | self._variables,
                stderr=log,
            )
        await until(self._healthy, 60)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal and wait for its end."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(how)
            await self._process.wait()

    async def _healthy(self) -> bool:
        probe = await service("health", folder=self._folder, ME_IMAGES_ADDRESS=self.address)
        return (await ended(probe))[0] == 0


@asynccontextmanager
async def restarting(server: LiveServer) -> AsyncIterator[list[str]]:
    """Give the command with which a program restarts the server, as long as the block runs."""

    async def restart(_: StreamReader, writer: StreamWriter) -> None:
        await server.stop()
        await server.start()
        writer.write(SERVING)
        writer.close()

    async with await asyncio.start_server(restart, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        yield [sys.executable, str(Path(__file__).with_name("restart.py")), str(port)]


@asynccontextmanager
async def flaky(address: str) -> AsyncIterator[str]:
    """Give an address whose first connection breaks in the middle of an upload; later ones hold."""
    connections = 0

    async def carry(reader: StreamReader, writer: StreamWriter) -> None:
        nonlocal connections
        connections += 1
        allowed = CUT_AFTER_BYTES if connections == 1 else None
        host, port = address.split(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        back = asyncio.create_task(_pass_on(far_reader, writer, None))
        await _pass_on(reader, far_writer, allowed)
        for end in (writer, far_writer):
            end.transport.abort()
        await back

    async with await asyncio.start_server(carry, "127.0.0.1", 0) as listening:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def _pass_on(reader: StreamReader, writer: StreamWriter, allowed: int | None) -> None:
    """Pass bytes on until they end, the peer is gone, or so many have passed."""
    passed = 0
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
            passed += len(data)
            if allowed is not None and passed > allowed:
                return
