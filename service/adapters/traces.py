"""Port Traces over OpenTelemetry: the only module that imports it, and imported only where traces are wanted.

What is exported, how much and where to, is said by OpenTelemetry's own ``OTEL_*`` variables. Spans carry names and
codes of ours; texts of exceptions are kept out, because a driver's can hold values.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.ports.tracing import Metadata, TracedCall

SERVICE_NAME = "me-images"
CARRIED = frozenset({"traceparent", "tracestate"})
"""What is read of a caller's metadata (W3C Trace Context)."""

FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""Codes that make a server's span an error (OpenTelemetry's conventions for gRPC)."""

FLUSH_SECONDS = 3.0
"""For the last spans, when the server has stopped."""

_NANOSECONDS = 1_000_000_000
_propagator = TraceContextTextMapPropagator()


class OtelTraces:
    """Port Traces."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @classmethod
    @asynccontextmanager
    async def exporting(cls) -> AsyncIterator["OtelTraces"]:
        """Export spans over OTLP until the block ends, then those that are left."""
        resource = Resource({"service.name": SERVICE_NAME}).merge(OTELResourceDetector().detect())
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter()
        provider.add_span_processor(BatchSpanProcessor(exporter))
        try:
            yield cls(provider.get_tracer(SERVICE_NAME))
        finally:
            closing = asyncio.create_task(asyncio.to_thread(provider.shutdown))
            done, _ = await asyncio.wait({closing}, timeout=FLUSH_SECONDS)
            if not done:
                exporter.shutdown()  # ends what still tries to reach a collector that is away
            await closing

    @contextmanager
    def call(self, method: str, metadata: Metadata) -> Iterator[TracedCall]:
        """See Traces."""
        carried = {name: value for name, value in metadata() or () if name in CARRIED and isinstance(value, str)}
        name = method.removeprefix("/")
        with self._tracer.start_as_current_span(
            name,
            context=_propagator.extract(carried),
            kind=SpanKind.SERVER,
            attributes={"rpc.system.name": "grpc", "rpc.method": name},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield _Call(span)

    @contextmanager
    def work(self, name: str) -> Iterator[object]:
        """See Traces."""
        if not trace.get_current_span().is_recording():
            yield None
            return
        with self._tracer.start_as_current_span(
            name, kind=SpanKind.CLIENT, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield None
            except BaseException:
                span.set_status(Status(StatusCode.ERROR))
                raise

    def statement(self, name: str, seconds: float, *, failed: bool) -> None:
        """See Traces."""
        if not trace.get_current_span().is_recording():
            return
        now = time.time_ns()
        attributes = {"db.system.name": "postgresql", "db.query.summary": name}
        started = now - int(seconds * _NANOSECONDS)
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes, start_time=started)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(now)


class _Call:
    """Port TracedCall."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def ended(self, code: str) -> None:
        """See TracedCall."""
        self._span.set_attribute("rpc.response.status_code", code)
        if code in FAULTS:
            self._span.set_status(Status(StatusCode.ERROR))
