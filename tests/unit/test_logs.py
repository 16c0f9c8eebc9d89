"""What a log line holds, and that no text which a caller may have sent is ever part of it."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from service import logs

CANARY = "canary-4711"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a configured log writes; afterwards the log of the tests is as it was."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure()
    try:
        yield stream
    finally:
        structlog.reset_defaults()
        root.handlers, root.level = handlers, level


def lines(written: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().split("\n")[:-1]]


def raised(error: Exception, *, cause: Exception | None) -> Exception:
    """The error as it is after it was raised while another was handled, from it or from nothing."""
    try:
        try:
            raise LookupError(CANARY)  # noqa: TRY301 # an error needs a raise to have places
        except LookupError as context:
            raise error from cause and cause.with_traceback(context.__traceback__)
    except type(error):
        return error


def fault() -> Exception:
    return raised(ValueError(f"bad label {CANARY}"), cause=LookupError(CANARY))


def test_a_line_is_json_with_its_time_and_level(written: io.StringIO) -> None:
    structlog.get_logger().info("serving", port=50051)
    (line,) = lines(written)
    assert set(line) == {"event", "port", "time", "level"}
    assert (line["event"], line["port"], line["level"]) == ("serving", 50051, "info")
    assert str(line["time"]).endswith("Z")


def test_an_error_shows_its_types_and_places_and_never_its_text(written: io.StringIO) -> None:
    structlog.get_logger().error("failed", error=fault())
    (line,) = lines(written)
    found = line["fault"]
    assert isinstance(found, list)
    assert [entry.split(" at ")[0] for entry in found] == ["ValueError", "LookupError"]
    assert all("test_logs.py:" in entry for entry in found)
    assert CANARY not in written.getvalue()


def test_an_error_without_an_end_to_its_causes_stays_one_line(written: io.StringIO) -> None:
    error = fault()
    error.__cause__ = error
    structlog.get_logger().error("failed", error=error)
    assert len(written.getvalue().splitlines()) == 1
    assert len(logs.fault_of(error)) == 10


def test_a_suppressed_context_is_left_out() -> None:
    assert len(logs.fault_of(raised(ValueError(), cause=None))) == 1


def test_a_librarys_record_shows_its_place_and_never_its_text(written: io.StringIO) -> None:
    library = logging.getLogger("some.library")
    library.warning("cannot handle %s", CANARY)
    library.error(CANARY, exc_info=fault(), stack_info=True, extra={"sent": CANARY})
    warning, error = lines(written)
    assert (warning["logger"], warning["severity"]) == ("some.library", "warning")
    assert str(warning["at"]).startswith("test_logs.py:")
    assert error["severity"] == "error"
    assert "ValueError at test_logs.py:" in str(error["fault"])
    assert CANARY not in written.getvalue()


def test_a_librarys_chatter_is_not_written(written: io.StringIO) -> None:
    logging.getLogger("some.library").info(CANARY)
    assert written.getvalue() == ""


def test_a_value_cannot_begin_a_line_of_its_own(written: io.StringIO) -> None:
    structlog.get_logger().info("call", caller='user:a\n{"event":"forged"}\u2028')
    (line,) = lines(written)
    assert line["event"] == "call"
