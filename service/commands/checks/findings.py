"""What a check found: something that is well, or that is not, with its remedy."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is; skipped is what could not be looked at because of another problem."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: never a secret, nor an address that may hold one."""

    level: Level
    what: str
    remedy: str = ""


def ok(what: str) -> Finding:
    """Say what is well."""
    return Finding(Level.OK, what)


def skipped(what: str) -> Finding:
    """Say what could not be looked at."""
    return Finding(Level.SKIPPED, what)


def warning(what: str, remedy: str) -> Finding:
    """Say what works and should be otherwise."""
    return Finding(Level.WARNING, what, remedy)


def problem(what: str, remedy: str) -> Finding:
    """Say what does not work, or is not safe."""
    return Finding(Level.PROBLEM, what, remedy)


SKEW_WARNING_SECONDS, SKEW_PROBLEM_SECONDS = 5.0, 30.0
"""The second is what tokens are given; object stores refuse a signature after a quarter of an hour."""


def skew(whose: str, seconds: float) -> Finding:
    """Judge how far our clock is from another one; positive where ours is behind."""
    if abs(seconds) <= SKEW_WARNING_SECONDS:
        return ok(f"our clock and that of {whose} agree within {SKEW_WARNING_SECONDS:g} s")
    said = f"our clock is {abs(seconds):.0f} s {'behind' if seconds > 0 else 'ahead of'} that of {whose}"
    if abs(seconds) <= SKEW_PROBLEM_SECONDS:
        return warning(said, "Let both follow a time server (NTP).")
    return problem(said, "Let both follow a time server (NTP): tokens and signed requests are refused otherwise.")
