"""Metrics that the database is asked for: answered from memory, so that a scrape never waits long for it.

Each question is asked when somebody scrapes and its answer is older than its ``keep_seconds``. A scrape waits for new
answers a moment; one that comes later is for the next scrape, and meanwhile the metric is left out rather than old.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.adapters.postgres.standing import Standing

PATIENCE_SECONDS = 1.0
"""How long a scrape waits for all questions together."""

KEEP_SECONDS = 5.0


_log = structlog.get_logger()


@dataclass(slots=True)
class Question:
    """What is asked, and the newest answer: None where there is none, or it is being asked for."""

    name: str
    ask: Callable[[], Awaitable[Metric]]
    keep_seconds: float
    answer: Metric | None = None
    asked_at: float = field(default=float("-inf"))
    asking: asyncio.Task[None] | None = None
    is_failing: bool = False

    async def renew(self) -> None:
        """Ask. Whatever keeps the database from answering, there is no answer then; the log says so once."""
        try:
            self.answer = await self.ask()
        except Exception as error:  # the metric is missing, and another one says so
            if not self.is_failing:
                _log.warning("no answer for metrics", what=self.name, error=type(error).__name__)
            self.is_failing = True
        else:
            self.is_failing = False


class StandingCollector(Collector):
    """The answers as metrics. ``refresh`` before each scrape."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._questions = questions

    @classmethod
    @asynccontextmanager
    async def of(cls, standing: Standing) -> AsyncIterator["StandingCollector"]:
        """Answer until the block ends; questions that are open then are given up."""
        collector = cls(questions_to(standing))
        try:
            yield collector
        finally:
            open_ones = collector.open_questions
            for task in open_ones:
                task.cancel()
            await asyncio.gather(*open_ones, return_exceptions=True)

    @property
    def open_questions(self) -> list[asyncio.Task[None]]:
        """Questions that wait for the database."""
        return [each.asking for each in self._questions if each.asking is not None and not each.asking.done()]

    async def refresh(self) -> None:
        """Ask what has to be asked anew, and wait a moment for the answers. Raises nothing."""
        now = asyncio.get_running_loop().time()
        for each in self._questions:
            is_open = each.asking is not None and not each.asking.done()
            if not is_open and now - each.asked_at >= each.keep_seconds:
                each.asked_at, each.answer = now, None
                each.asking = asyncio.create_task(each.renew())
        if waiting := self.open_questions:
            await asyncio.wait(waiting, timeout=PATIENCE_SECONDS)

    def collect(self) -> Iterator[Metric]:
        """Yield the answers that there are, and which."""
        known = GaugeMetricFamily(
            "me_images_standing_known",
            "Whether the database has answered; what it has not is left out.",
            labels=("what",),
        )
        for each in self._questions:
            known.add_metric((each.name,), each.answer is not None)
            if each.answer is not None:
                yield each.answer
        yield known


def questions_to(standing: Standing) -> tuple[Question, ...]:
    """Return all that is asked of the database."""

    async def lag() -> Metric:
        text = "Age of the oldest event that watchers of everybody cannot have yet, because an older change still runs."
        return GaugeMetricFamily("me_images_outbox_lag_seconds", text, await standing.outbox_lag())

    async def backlog() -> Metric:
        text = "Rows that upkeep would remove now, counted up to 10,000 of a table."
        metric = GaugeMetricFamily("me_images_upkeep_backlog_rows", text, labels=("table",))
        for table, rows in (await standing.backlog()).items():
            metric.add_metric((table,), rows)
        return metric

    async def epochs() -> Metric:
        text = "Epochs of key-encryption keys that users' keys are wrapped under: 1 for each that is needed."
        metric = GaugeMetricFamily("me_images_key_epoch_in_use", text, labels=("epoch",))
        for epoch in await standing.key_epochs():
            metric.add_metric((str(epoch),), 1)
        return metric

    return (
        Question("outbox", lag, KEEP_SECONDS),
        Question("upkeep", backlog, KEEP_SECONDS),
        Question("key_epochs", epochs, KEEP_SECONDS),
    )
