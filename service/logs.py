"""Structured logs, a JSON object a line on stderr.

No text of an exception and no text of a library is ever written, because either may hold what a caller sent: an
exception shows as its types and places, a library's record as its logger and place.
"""

import logging
import sys
import traceback
from pathlib import PurePath

import structlog
from pydantic_core import to_json
from structlog.typing import EventDict, WrappedLogger


def configure() -> None:
    """Send the log of this process, and of every library in it, to stderr."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            _faults,
            structlog.processors.JSONRenderer(serializer=lambda event, **_: to_json(event).decode()),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_LibraryHandler()]
    root.setLevel(logging.WARNING)


def fault_of(error: BaseException) -> list[str]:
    """Return the types of an exception and its causes, each with the place that raised it; never their texts."""
    found: list[str] = []
    current: BaseException | None = error
    while current is not None and len(found) < 10:
        frames = traceback.extract_tb(current.__traceback__)
        places = [f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in frames[-5:]]
        found.append(f"{type(current).__qualname__} at {' > '.join(places)}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return found


def _faults(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    error = event.pop("error", None)
    if isinstance(error, BaseException):
        event["fault"] = fault_of(error)
    return event


class _LibraryHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        log = structlog.get_logger()
        place = f"{record.filename}:{record.lineno}"
        log.warning("library", logger=record.name, at=place, severity=record.levelname.lower(), error=error)
