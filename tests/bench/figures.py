"""The arithmetic of the benches: series of rounds, ratios by round, percentiles, and the framing of gRPC."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """One figure of every round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.rounds)

    @property
    def low(self) -> float:
        """The smallest round."""
        return min(self.rounds)

    @property
    def high(self) -> float:
        """The largest round."""
        return max(self.rounds)


@dataclass(frozen=True)
class Aim:
    """What the ratio of service to ceiling should be."""

    bound: float
    at_least: bool

    def holds(self, ratio: float) -> bool:
        """Whether a ratio is good enough."""
        return ratio >= self.bound if self.at_least else ratio <= self.bound

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.bound:.2f}"


@dataclass(frozen=True)
class Row:
    """One line of the table. ``bare`` is the ceiling; rounds of the same place in both ran side by side."""

    what: str
    unit: str
    service: Series
    bare: Series | None = None
    aim: Aim | None = None

    @property
    def ratio(self) -> Series | None:
        """Service to ceiling, round by round: what slows the machine for a while slows both sides of a round."""
        return ratios(self.service, self.bare) if self.bare else None

    @property
    def reached(self) -> bool | None:
        """Whether the aim holds for the median ratio; None where there is no aim."""
        return self.aim.holds(self.ratio.median) if self.aim and self.ratio else None


@dataclass(frozen=True)
class Report:
    """What one bench found: its rows, and how it was measured."""

    name: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def ratios(service: Series, bare: Series) -> Series:
    """Return the ratio of each round. Raises ValueError where the rounds are not as many."""
    return Series(tuple(ours / theirs for ours, theirs in zip(service.rounds, bare.rounds, strict=True)))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that so large a share (0 to 1) of all does not exceed: the nearest rank."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def framed(message: bytes) -> bytes:
    """Return a message as gRPC puts it into the body: a flag (0: not compressed), its length in 4 bytes, itself."""
    return b"\0" + len(message).to_bytes(4, "big") + message
