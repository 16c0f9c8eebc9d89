"""``serve``: answer calls until SIGTERM or Ctrl-C, in one process or in several that share the port."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from service.commands.listening import held_port
from service.commands.memory import keep_photo_pages
from service.commands.workers import supervise
from service.config import Settings
from service.wiring import open_server, open_world

IS_WORKER = "ME_IMAGES_WORKER_OF"
"""Set by the supervisor for its workers, whose standard input ends when the supervisor does, however it ends."""


async def serve(settings: Settings) -> int:
    """Serve until told to stop; return the exit status."""
    if IS_WORKER in os.environ:
        return await _serve_here(settings, share_port=True)
    with held_port(settings.host, settings.port) as port:
        if settings.workers > 1:
            host = settings.address.rpartition(":")[0]
            environment = {"ME_IMAGES_ADDRESS": f"{host}:{port}", "ME_IMAGES_WORKERS": "1", IS_WORKER: "1"}
            async with stop_signal() as stop:
                return await supervise(
                    settings.workers, lambda number: environment | _metrics_of(settings, number), stop
                )
    return await _serve_here(settings, share_port=False)


async def _serve_here(settings: Settings, *, share_port: bool) -> int:
    keep_photo_pages()
    log = structlog.get_logger()
    async with (
        stop_signal() as stop,
        open_world(settings) as built,
        open_server(settings, built, share_port=share_port) as running,
    ):
        log.info("serving", host=settings.host, port=running.port, sandbox=built.sandbox)
        await stop.wait()
        log.info("stopping")
    return 0


def _metrics_of(settings: Settings, number: int) -> dict[str, str]:
    """Return where a worker tells its metrics: each on a port of its own, counted up, so that each can be read."""
    if settings.metrics_address is None:
        return {}
    host, _, port = settings.metrics_address.rpartition(":")
    return {"ME_IMAGES_METRICS_ADDRESS": f"{host}:{int(port) and int(port) + number}"}


@asynccontextmanager
async def stop_signal() -> AsyncIterator[asyncio.Event]:
    """Give an event that SIGTERM or Ctrl-C sets; later signals change nothing, the end is under way."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if IS_WORKER in os.environ:
        loop.add_reader(sys.stdin.fileno(), stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        if IS_WORKER in os.environ:
            loop.remove_reader(sys.stdin.fileno())
