"""The page that Prometheus reads: GET /metrics on an address of its own, by the event loop of the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from service.adapters.metrics_calls import CallMetrics
from service.adapters.metrics_parts import PartsCollector
from service.adapters.metrics_standing import StandingCollector
from service.adapters.postgres.standing import Standing

REQUEST_SECONDS = 5.0
"""How long a reader may take to ask, and again to read."""

MAX_REQUEST_BYTES = 8 * 1024
_HEAD_END = b"\r\n\r\n"


class MetricsCannotListen(Exception):
    """The address of the metrics is taken, or not one of this machine."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is told, and what must be asked for first."""

    registry: CollectorRegistry
    standing: StandingCollector

    async def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        await self.standing.refresh()
        return generate_latest(self.registry)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close."""
        try:
            with suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
                async with asyncio.timeout(REQUEST_SECONDS):
                    head = await reader.readuntil(_HEAD_END)
                answer = await self._answer(head)
                async with asyncio.timeout(REQUEST_SECONDS):
                    writer.write(answer)
                    await writer.drain()
        finally:
            writer.close()

    async def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if path != b"/metrics":
            return _http(HTTPStatus.NOT_FOUND, b"")
        if method != b"GET":
            return _http(HTTPStatus.METHOD_NOT_ALLOWED, b"")
        return _http(HTTPStatus.OK, await self.text())


@asynccontextmanager
async def metrics_served(host: str, port: int, parts: PartsCollector, standing: Standing) -> AsyncIterator[CallMetrics]:
    """Tell metrics until the block ends; give what counts calls. Raises MetricsCannotListen."""
    registry, calls = CollectorRegistry(), CallMetrics()
    registry.register(calls)
    registry.register(parts)
    ProcessCollector(namespace="me_images", registry=registry)
    async with StandingCollector.of(standing) as collector:
        registry.register(collector)
        page = Page(registry, collector)
        try:
            server = await asyncio.start_server(page.serve, host, port, limit=MAX_REQUEST_BYTES)
        except OSError:
            raise MetricsCannotListen from None
        async with server:
            structlog.get_logger().info("metrics", host=host, port=server.sockets[0].getsockname()[1])
            yield calls


def _http(status: HTTPStatus, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {CONTENT_TYPE_LATEST}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
