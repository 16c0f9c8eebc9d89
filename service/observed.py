"""Building what watches the server: metrics and traces, where they are wanted."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from service.adapters.metrics_page import metrics_served
from service.adapters.metrics_parts import Parts, PartsCollector
from service.adapters.postgres.standing import Standing
from service.config import Settings, is_loopback, split_address
from service.ports.observing import CallObserver, TransferFigures, Unobserved
from service.ports.tracing import UNTRACED, Traces


class TracesMissing(Exception):
    """Traces are wanted, and OpenTelemetry is not installed."""


class MetricsRefused(Exception):
    """The address of the metrics can be reached from other machines."""


@asynccontextmanager
async def open_metrics(
    settings: Settings, parts: Parts, transfers: Callable[[], TransferFigures], standing: Standing
) -> AsyncIterator[CallObserver]:
    """Tell metrics where that is wanted; give who counts calls. Raises MetricsRefused, MetricsCannotListen."""
    if settings.metrics_address is None:
        yield Unobserved()
        return
    host, port = split_address(settings.metrics_address)
    if not (is_loopback(host) or settings.metrics_allow_remote):
        raise MetricsRefused
    async with metrics_served(host, port, PartsCollector(parts, transfers), standing) as calls:
        yield calls


def open_traces(settings: Settings) -> AbstractAsyncContextManager[Traces]:
    """Return what makes spans where that is wanted. Raises TracesMissing."""
    if not settings.traces:
        return nullcontext(UNTRACED)
    try:
        from service.adapters.traces import OtelTraces  # noqa: PLC0415 # an extra that need not be installed
    except ImportError:
        raise TracesMissing from None
    return OtelTraces.exporting()
