"""Traces: which work a call did, and how long each piece took. Names are constants of ours; no value is told."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Metadata = Callable[[], Iterable[tuple[str, str | bytes]] | None]
"""Gives the metadata of a call, in which its caller's trace may be named (W3C Trace Context)."""


class TracedCall(Protocol):
    """The span of one call."""

    def ended(self, code: str) -> None:
        """Tell how the call ended: a name of a gRPC status code."""
        ...


class Traces(Protocol):
    """Makes spans. Raises nothing; where no call is traced, work makes none."""

    def call(self, method: str, metadata: Metadata) -> AbstractContextManager[TracedCall]:
        """Trace a call while the block runs, as part of its caller's trace where it names one."""
        ...

    def work(self, name: str) -> AbstractContextManager[object]:
        """Trace a piece of the running call's work while the block runs."""
        ...

    def statement(self, name: str, seconds: float, *, failed: bool) -> None:
        """Tell of a statement of the running call that has just ended."""
        ...


class Untraced:
    """Traces for servers that nobody traces; also the span of its calls."""

    def call(self, method: str, metadata: Metadata) -> AbstractContextManager[TracedCall]:  # noqa: ARG002
        """See Traces."""
        return _NO_CALL

    def work(self, name: str) -> AbstractContextManager[object]:  # noqa: ARG002
        """See Traces."""
        return _NO_WORK

    def statement(self, name: str, seconds: float, *, failed: bool) -> None:
        """See Traces."""

    def ended(self, code: str) -> None:
        """See TracedCall."""


UNTRACED = Untraced()
_NO_CALL: AbstractContextManager[TracedCall] = nullcontext(UNTRACED)
_NO_WORK = nullcontext()
