"""``serve``: answer calls until SIGTERM or Ctrl-C, in one process or in several that share the port."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import structlog

from service.commands.listening import held_address
from service.commands.memory import keep_photo_pages
from service.commands.upkept import upkept
from service.commands.workers import supervise
from service.config import Settings
from service.wiring import open_served_world, open_server

IS_WORKER = "ME_IMAGES_WORKER_OF"
"""Set by the supervisor for its workers, whose standard input ends when the supervisor does, however it ends."""


async def serve(settings: Settings) -> int:
    """Serve until told to stop; return the exit status."""
    if IS_WORKER in os.environ:
        return await _serve_here(settings, share_port=True)
    with ExitStack() as held:
        environment = {
            "ME_IMAGES_ADDRESS": held.enter_context(held_address(settings.address)),
            "ME_IMAGES_ALLOW_PLAINTEXT": str(settings.allow_plaintext),
            "ME_IMAGES_WORKERS": "1",
            IS_WORKER: "1",
        }
        if settings.mtls_address is not None:
            environment["ME_IMAGES_MTLS_ADDRESS"] = held.enter_context(held_address(settings.mtls_address))
        if settings.workers > 1:
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
        open_served_world(settings) as built,
        upkept(settings, built, stop),
        open_server(settings, built, share_port=share_port) as running,
    ):
        mtls = {} if running.mtls_port is None else {"mtls_port": running.mtls_port}
        tls = settings.tls_cert_file is not None
        log.info("serving", host=settings.host, port=running.port, **mtls, tls=tls, sandbox=built.sandbox)
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
