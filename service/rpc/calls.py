"""What is known of the call that runs: one value for its whole life, for the log line and for whoever answers."""

from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from service.domain.callers import Caller


@dataclass(slots=True)
class Call:
    """One call. ``request_id`` is the caller's where it sent one, else the server's own.

    ``reason`` is why it was refused, ``photo_bytes`` what it received of a photo, or handed out, until now.
    """

    method: str
    request_id: UUID
    caller: Caller | None = None
    reason: str | None = None
    photo_bytes: int = 0


_current: ContextVar[Call] = ContextVar("call")


def begin_call(call: Call) -> None:
    """Make this the call of the running task."""
    _current.set(call)


def current_caller() -> Caller:
    """Return who makes the call of the running task; admission has named it before any handler runs."""
    caller = current_call().caller
    if caller is None:
        raise RuntimeError("no handler runs before admission")
    return caller


def current_call() -> Call:
    """Return the call of the running task."""
    return _current.get()
