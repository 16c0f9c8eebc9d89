"""Calls as metrics. Labels are names of methods, codes and reasons of the contract; nothing that a caller sent."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.ports.observing import EndedCall

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
"""Bounds of the latency histograms: from a GetMeImage on an idle machine to the longest upload."""


class CallMetrics:
    """Port CallObserver. A label's child is looked up once and kept, which halves the price of a call."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter("me_images_calls_total", "Calls that have ended.", ("method", "code"), registry=registry)
        self._seconds = Histogram(
            "me_images_call_duration_seconds",
            "How long calls took, streams from their first byte to their last.",
            ("method",),
            buckets=SECONDS,
            registry=registry,
        )
        self._in_flight = Gauge(
            "me_images_streams_in_flight", "HTTP/2 streams of calls that run now.", ("method",), registry=registry
        )
        self._refusals = Counter("me_images_refusals_total", "Calls that were refused.", ("reason",), registry=registry)
        self._bytes = Counter(
            "me_images_photo_bytes_total",
            "Bytes of photos that uploads received, and that downloads and releases handed out; told at a call's end.",
            ("method",),
            registry=registry,
        )
        self._of_code: dict[tuple[str, str], Counter] = {}
        self._of_method: dict[str, tuple[Gauge, Histogram]] = {}

    def began(self, method: str) -> None:
        """See CallObserver."""
        self._children(method)[0].inc()

    def ended(self, call: EndedCall) -> None:
        """See CallObserver."""
        in_flight, seconds = self._children(call.method)
        in_flight.dec()
        seconds.observe(call.seconds)
        counted = self._of_code.get((call.method, call.code))
        if counted is None:
            counted = self._calls.labels(_label(call.method), call.code)
            self._of_code[call.method, call.code] = counted
        counted.inc()
        if call.reason is not None:
            self._refusals.labels(call.reason).inc()
        if call.photo_bytes:
            self._bytes.labels(_label(call.method)).inc(call.photo_bytes)

    def _children(self, method: str) -> tuple[Gauge, Histogram]:
        found = self._of_method.get(method)
        if found is None:
            found = (self._in_flight.labels(_label(method)), self._seconds.labels(_label(method)))
            self._of_method[method] = found
        return found


def _label(method: str) -> str:
    return method.removeprefix("/")
