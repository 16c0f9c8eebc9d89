"""Upkeep of this process as metrics, and in the log: what it did, by the names of tables and no other."""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum

import structlog
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

_REMOVED = ("me_images", "media", "objects", "requests", "events")
_SWEEPS = ("me_images", "renditions", "media", "requests", "events", "certificates")
_log = structlog.get_logger()


class Outcome(StrEnum):
    """How a run ended: at its end, at its bounds, by a fault, or before it began, because another process runs it."""

    DONE = "done"
    LEFT = "left"
    FAILED = "failed"
    ELSEWHERE = "elsewhere"


class UpkeepTally:
    """Port UpkeepObserver: counts since the process began. Of a sweep the log tells one fault, until a run has none."""

    def __init__(self) -> None:
        self.runs: Counter[Outcome] = Counter()
        self.removed_rows: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.seconds = 0.0
        self.succeeded_at: float | None = None
        self._told: set[str] = set()
        self._is_clean = True

    def removed(self, what: str, count: int) -> None:
        """See UpkeepObserver."""
        self.removed_rows[what] += count

    def failed(self, what: str, fault: Exception) -> None:
        """See UpkeepObserver."""
        self.failures[what] += 1
        self._is_clean = False
        if what not in self._told:
            self._told.add(what)
            _log.error("upkeep passed over", what=what, error=fault)

    def ended(self, outcome: Outcome, seconds: float, at: float) -> None:
        """A run has ended after so many seconds, at a time in seconds since 1970."""
        self.runs[outcome] += 1
        self.seconds += seconds
        if outcome in {Outcome.DONE, Outcome.LEFT}:
            self.succeeded_at = at
        if outcome is Outcome.DONE and self._is_clean:
            self._told.clear()
        self._is_clean = True


def of_upkeep(tally: UpkeepTally) -> Iterator[Metric]:
    """Yield what was counted."""
    runs = CounterMetricFamily(
        "me_images_upkeep_runs",
        "Runs of upkeep: done; left, which came to their bounds; failed, because a store was away; elsewhere,"
        " which were the turn of another process.",
        labels=("outcome",),
    )
    for outcome in Outcome:
        runs.add_metric((outcome,), tally.runs[outcome])
    yield runs
    yield _counted(
        "me_images_upkeep_removed", "Rows by table, and objects, that upkeep removed.", _REMOVED, tally.removed_rows
    )
    yield CounterMetricFamily(
        "me_images_upkeep_certificates_filed",
        "Certificates of erasure that upkeep put into the bucket.",
        tally.removed_rows["certificates"],
    )
    yield _counted("me_images_upkeep_failures", "Things that upkeep passed over, by sweep.", _SWEEPS, tally.failures)
    yield CounterMetricFamily("me_images_upkeep_seconds", "Seconds that runs took, all together.", tally.seconds)
    yield GaugeMetricFamily(
        "me_images_upkeep_last_success_timestamp_seconds",
        "When a run of this process last ended without a store that was away; 0 for never.",
        tally.succeeded_at or 0.0,
    )


def _counted(name: str, text: str, known: tuple[str, ...], counts: Counter[str]) -> Metric:
    metric = CounterMetricFamily(name, text, labels=("what",))
    for what in known:
        metric.add_metric((what,), counts[what])
    return metric
