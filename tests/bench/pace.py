"""How much every bench does: enough for medians, bounded in count and time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """The measure of a run. Every round is one of the service and one of its ceiling, in turns.

    ``seconds`` of unary load for each side of a round; then calls, uploads, downloads, releases and first releases for
    each; changes that are watched; calls on tables of ``rows`` me-images.
    """

    rounds: int
    seconds: float
    latency_calls: int
    uploads: int
    downloads: int
    releases: int
    first_releases: int
    memory_rounds: int
    watched: int
    read_calls: int
    rows: int


FULL = Pace(
    rounds=7,
    seconds=3.0,
    latency_calls=1500,
    uploads=8,
    downloads=40,
    releases=120,
    first_releases=15,
    memory_rounds=5,
    watched=300,
    read_calls=2000,
    rows=1_000_000,
)
QUICK = Pace(
    rounds=5,
    seconds=0.7,
    latency_calls=300,
    uploads=3,
    downloads=15,
    releases=40,
    first_releases=5,
    memory_rounds=1,
    watched=100,
    read_calls=1000,
    rows=100_000,
)
