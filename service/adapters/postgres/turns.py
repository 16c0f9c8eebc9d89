"""Port Turns: a session's advisory lock, on a connection of its own that ends with the turn.

The pool's connections are never reset, so a lock on one of them would stay. When the holder is killed, or the database
restarts, its session ends and the lock with it; who still works then is told by ``is_lost``, and does no harm until it
has noticed, because every step of upkeep is safe beside another run.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from service.adapters.postgres.away import AWAY, away_is_unavailable
from service.adapters.postgres.database import ACQUIRE_SECONDS, APPLICATION_ROLE

_LOCK = (0x6D65_696D, 1)
"""The space of two numbers is not that of the one number by which users and migrations are locked."""

_SETTINGS = {
    "application_name": "me-images upkeep",
    "role": APPLICATION_ROLE,
    # A holder whose machine vanished without a word has the lock for a minute, and not for two hours.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


class PostgresTurn:
    """Port Turn."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()

    @property
    def is_lost(self) -> bool:
        """See Turn."""
        return self._ended.is_set()

    def end(self, _connection: object) -> None:
        """Note that the connection is gone."""
        self._ended.set()


class PostgresTurns:
    """Port Turns."""

    def __init__(self, url: str) -> None:
        self._url = url

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[PostgresTurn | None]:
        """See Turns."""
        turn = PostgresTurn()
        with away_is_unavailable():
            connection = await asyncpg.connect(self._url, timeout=ACQUIRE_SECONDS, server_settings=_SETTINGS)
        try:
            connection.add_termination_listener(turn.end)
            with away_is_unavailable():
                is_ours = await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *_LOCK)
            yield turn if is_ours else None
        finally:
            # Unlocked by a statement: a session that is only closed ends a moment later.
            try:
                with suppress(*AWAY):
                    await connection.execute("SELECT pg_advisory_unlock_all()", timeout=ACQUIRE_SECONDS)
                    await connection.close(timeout=ACQUIRE_SECONDS)
            finally:
                connection.terminate()
