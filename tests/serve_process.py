"""`python -m service serve` as an operator runs it: a process of its own."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

from service.config import Settings
from tests.dev_process import ended, environment, service
from tests.waiting import until


def variables(settings: Settings) -> dict[str, str]:
    """Return settings as the variables that make them."""
    plain = settings.model_dump()
    secret = {name: getattr(settings, name).get_secret_value() for name in plain if name in _SECRETS}
    return {f"ME_IMAGES_{name.upper()}": str(value) for name, value in (plain | secret).items() if value is not None}


_SECRETS = {"database_url", "s3_access_key", "s3_secret_key"}


def free_port() -> int:
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        port: int = asking.getsockname()[1]
        return port


@asynccontextmanager
async def serving(settings: Settings, folder: Path, *, workers: int) -> AsyncIterator[tuple[psutil.Process, str]]:
    """Run a server process until the block ends; give it and its address, once it is healthy."""
    async with launched(settings, folder, workers=workers) as (process, address):
        yield psutil.Process(process.pid), address


@asynccontextmanager
async def launched(
    settings: Settings, folder: Path, *, workers: int
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run a server process until the block ends, whose exit status is known then; see serving."""
    address = f"127.0.0.1:{free_port()}"
    own = variables(settings.model_copy(update={"address": address, "workers": workers}))
    with (folder / "log.jsonl").open("ab") as log:  # a pipe that nobody reads would stop the server once it is full
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "serve"), cwd=folder, env=environment() | own, stderr=log
        )
    try:

        async def healthy() -> bool:
            probe = await service("health", folder=folder, **own)
            return (await ended(probe))[0] == 0

        await until(healthy, 60)
        yield process, address
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


def workers_of(server: psutil.Process) -> list[psutil.Process]:
    """A worker that has ended, and one that is only being started, have no such command line."""
    with suppress(psutil.NoSuchProcess):
        return [child for child in server.children() if "serve" in child.cmdline()]
    return []
