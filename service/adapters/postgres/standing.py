"""How things stand across users, for metrics: numbers alone, each from an index, none of a person."""

from datetime import datetime

from service.adapters.postgres.database import Database, Executor
from service.ports.outside import Clock
from service.usecases.sweeps import Retention
from service.usecases.upkeep import LATE_EVENTS
from service.usecases.world import Policy

MOST = 10_000
"""Where counting ends: a backlog is this many, or fewer."""

QUESTION_MILLISECONDS = 2_000
"""A question that takes longer has no answer; none may burden the database for the sake of a number."""

_GIVE_UP = f"SET LOCAL statement_timeout = {QUESTION_MILLISECONDS}"
# Events are told to who watches everybody once no older transaction runs.
_OUTBOX_LAG = """
    SELECT coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8 FROM events
    WHERE transaction_id >= pg_snapshot_xmin(pg_current_snapshot())
"""
# One look into the index for each epoch, however many users there are.
_EPOCHS = """
    WITH RECURSIVE epochs AS (
        SELECT min(key_epoch) AS epoch FROM users
        UNION ALL
        SELECT (SELECT min(u.key_epoch) FROM users u WHERE u.key_epoch > e.epoch)
        FROM epochs e WHERE e.epoch IS NOT NULL
    )
    SELECT epoch FROM epochs WHERE epoch IS NOT NULL ORDER BY epoch
"""
_BACKLOG = {
    "me_images": "me_images WHERE purge_at <= $1",
    "media": """
        media WHERE idle_since IS NOT NULL
        AND (state = 'condemned' OR (state = 'pending' AND idle_since < $1) OR (state = 'ready' AND idle_since < $2))
    """,
    "renditions": "renditions WHERE state <> 'ready' AND (state = 'condemned' OR made_at < $1)",
    "requests": "requests WHERE created_at < $1",
    "events": "events WHERE at < $1",
}
"""What upkeep would find; the statements that it goes by are in ``everybody``."""


class Standing:
    """Asks. Each question is a transaction of its own."""

    def __init__(self, database: Database, clock: Clock, retention: Retention, policy: Policy) -> None:
        self._database = database
        self._clock = clock
        self._retention = retention
        self._policy = policy

    async def outbox_lag(self) -> float:
        """Return the age in seconds of the oldest event that watchers of everybody cannot have yet."""
        async with self._database.everybody() as connection:
            await connection.execute(_GIVE_UP)
            return float(await connection.fetchval(_OUTBOX_LAG))

    async def backlog(self) -> dict[str, float]:
        """Return how many rows of each table upkeep would remove now, at most MOST."""
        async with self._database.everybody() as connection:
            await connection.execute(_GIVE_UP)
            due = self._due(self._clock.now())
            return {table: await _count(connection, rows, due[table]) for table, rows in _BACKLOG.items()}

    async def key_epochs(self) -> list[int]:
        """Return the epochs that users' keys are wrapped under."""
        async with self._database.everybody() as connection:
            await connection.execute(_GIVE_UP)
            return [row["epoch"] for row in await connection.fetch(_EPOCHS)]

    def _due(self, now: datetime) -> dict[str, tuple[datetime, ...]]:
        pending_before, unclaimed_before = self._retention.limits(now)
        return {
            "me_images": (now,),
            "media": (pending_before, unclaimed_before),
            "renditions": (pending_before,),
            "requests": (now - self._retention.requests,),
            "events": (now - self._policy.event_retention - LATE_EVENTS,),
        }


async def _count(connection: Executor, rows: str, due: tuple[datetime, ...]) -> float:
    row = await connection.fetchrow(f"SELECT count(*) AS rows FROM (SELECT FROM {rows} LIMIT {MOST}) AS due", *due)
    assert row is not None  # noqa: S101 # a count always returns its row
    return float(row["rows"])
