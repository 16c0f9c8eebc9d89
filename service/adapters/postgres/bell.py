"""Port Bell over LISTEN/NOTIFY: one connection for all who watch in this process.

A notification only wakes; what happened is read from the table. While the connection is away everybody is woken when it
comes back, and whoever watches looks by itself at every checkpoint.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import asyncpg
import structlog

from service.adapters.postgres.away import away_is_unavailable
from service.adapters.postgres.database import APPLICATION_ROLE
from service.adapters.postgres.events import CHANNEL
from service.domain.errors import StorageUnavailable
from service.domain.model import UserId

RECONNECT_SECONDS = 1.0
CONNECT_SECONDS = 5.0

_log = structlog.get_logger()


class Ears:
    """See port Ears."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def clear(self) -> None:
        """See Ears."""
        self._rung.clear()

    def ring(self) -> None:
        """Wake."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """See Ears."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()


class PostgresBell:
    """Port Bell."""

    def __init__(self) -> None:
        self._listening: defaultdict[UserId | None, set[Ears]] = defaultdict(set)
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    @classmethod
    @asynccontextmanager
    async def hung(cls, url: str) -> AsyncIterator["PostgresBell"]:
        """Listen until the block ends, through whatever happens to the connection."""
        bell = cls()
        listening = asyncio.create_task(bell._listen_for_ever(url))
        try:
            yield bell
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    @contextmanager
    def listen(self, user_id: UserId | None) -> Iterator[Ears]:
        """See Bell."""
        ears = Ears()
        self._listening[user_id].add(ears)
        try:
            yield ears
        finally:
            self._listening[user_id].discard(ears)
            if not self._listening[user_id]:
                del self._listening[user_id]

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return sum(len(each) for each in self._listening.values())

    async def ping(self) -> None:
        """Return when the database answers on this connection, which no call ever holds. Raises StorageUnavailable."""
        connection = self._connection
        if connection is None:
            raise StorageUnavailable
        with away_is_unavailable():
            try:
                await connection.execute("SELECT 1")
            except BaseException:
                connection.terminate()  # what is given up in the middle may never hear again: a new one is hung
                raise

    async def _listen_for_ever(self, url: str) -> None:
        while True:
            try:
                await self._listen_once(url)
            except StorageUnavailable:
                _log.warning("bell away")
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen_once(self, url: str) -> None:
        with away_is_unavailable():
            connection = await asyncpg.connect(
                url,
                timeout=CONNECT_SECONDS,
                server_settings={"application_name": "me-images bell", "role": APPLICATION_ROLE},
            )
            ended = asyncio.Event()
            connection.add_termination_listener(lambda _: ended.set())
            try:
                await connection.add_listener(CHANNEL, self._notified)
                self._connection = connection
                self._ring_everybody()
                await ended.wait()
            finally:
                self._connection = None
                connection.terminate()

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        for whom in (UserId(str(payload)), None):
            for ears in self._listening.get(whom, ()):
                ears.ring()

    def _ring_everybody(self) -> None:
        for each in self._listening.values():
            for ears in each:
                ears.ring()
