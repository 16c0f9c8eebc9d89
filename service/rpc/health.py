"""The gRPC health service: SERVING only while the database and the object store answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import structlog
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio

from service.rpc.methods import ME_IMAGE_SERVICE

PROBE_SECONDS = 2.0
PROBE_TIMEOUT_SECONDS = 3.0
SERVICES = ("", ME_IMAGE_SERVICE)

_log = structlog.get_logger()


class Pingable(Protocol):
    """Something that the service cannot work without."""

    async def ping(self) -> None:
        """Return when it answers; raise, or take too long, when it does not."""
        ...


@asynccontextmanager
async def watched_health(needs: Mapping[str, Pingable]) -> AsyncIterator[aio.HealthServicer]:
    """Probe what is needed until the block ends, and say so through the health service."""
    servicer = aio.HealthServicer()
    missing = await _missing(needs)
    await _tell(servicer, serving=not missing)
    probing = asyncio.create_task(_probe_for_ever(servicer, needs, missing))
    try:
        yield servicer
    finally:
        await servicer.enter_graceful_shutdown()
        probing.cancel()
        with suppress(asyncio.CancelledError):
            await probing


async def _probe_for_ever(
    servicer: aio.HealthServicer, needs: Mapping[str, Pingable], missing_before: list[str]
) -> None:
    while True:
        await asyncio.sleep(PROBE_SECONDS)
        missing = await _missing(needs)
        if missing != missing_before:
            _log.warning("health", missing=missing)
            await _tell(servicer, serving=not missing)
        missing_before = missing


async def _missing(needs: Mapping[str, Pingable]) -> list[str]:
    async def answers(need: Pingable) -> bool:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                await need.ping()
        except Exception:  # whatever keeps it from answering, it is missing
            return False
        return True

    found = await asyncio.gather(*(answers(need) for need in needs.values()))
    return [name for name, is_there in zip(needs, found, strict=True) if not is_there]


async def _tell(servicer: aio.HealthServicer, *, serving: bool) -> None:
    status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
    for name in SERVICES:
        await servicer.set(name, status)
