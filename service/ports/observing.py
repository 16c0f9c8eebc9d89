"""What the server tells of calls to whoever counts them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from service.ports.tracing import Traces


@dataclass(frozen=True, slots=True)
class EndedCall:
    """How a call ended: ``reason`` where it was refused, ``photo_bytes`` that it received or handed out."""

    method: str
    code: str
    seconds: float
    reason: str | None
    photo_bytes: int


class CallObserver(Protocol):
    """Is told of every call, between the others: it takes microseconds and raises nothing."""

    def began(self, method: str) -> None:
        """A call has begun. Names that callers make up are told as one method."""
        ...

    def ended(self, call: EndedCall) -> None:
        """A call has ended, however it did."""
        ...


class Unobserved:
    """A CallObserver for servers that nobody counts at."""

    def began(self, method: str) -> None:
        """See CallObserver."""

    def ended(self, call: EndedCall) -> None:
        """See CallObserver."""


@dataclass(frozen=True, slots=True)
class TransferFigures:
    """Bytes of photos that calls hold, those of uploads that begin or are slow, and how many calls wait for room."""

    held: int
    arriving: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Observing:
    """What calls are measured with: a monotonic clock in seconds, who is told, and who traces them."""

    seconds: Callable[[], float]
    calls: CallObserver
    traces: Traces
