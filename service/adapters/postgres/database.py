"""The connection pool, and the one place where a driver's failure becomes StorageUnavailable."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol, TypeAlias

import asyncpg

from service.domain.errors import Overloaded, StorageUnavailable

Row: TypeAlias = asyncpg.Record

ACQUIRE_SECONDS = 5.0
STATEMENT_SECONDS = 10.0

_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
)


class Executor(Protocol):
    """What the tables' statements run on: one connection in a transaction, or any connection of the pool."""

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """Return all rows."""
        ...

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """Return the first row."""
        ...

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement and return its command tag."""
        ...


class _Connection(asyncpg.Connection):
    """A connection that needs no reset: our statements leave no session state, and open transactions still end."""

    def get_reset_query(self) -> str:
        return ""


class Database:
    """A pool of connections; an Executor for single statements."""

    def __init__(self, pool: "asyncpg.Pool[Row]") -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, *, connections: int) -> AsyncIterator["Database"]:
        """Open a pool. Raises StorageUnavailable when the database does not answer."""
        milliseconds = str(int(STATEMENT_SECONDS * 1000))
        with away_is_unavailable():
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=connections,
                connection_class=_Connection,
                command_timeout=STATEMENT_SECONDS,
                timeout=ACQUIRE_SECONDS,
                server_settings={
                    "application_name": "me-images",
                    "statement_timeout": milliseconds,
                    "lock_timeout": milliseconds,
                    "idle_in_transaction_session_timeout": milliseconds,
                },
            )
        try:
            yield cls(pool)
        finally:
            try:
                await asyncio.wait_for(pool.close(), STATEMENT_SECONDS)
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["asyncpg.pool.PoolConnectionProxy[Row]"]:
        """Lend a connection. Raises Overloaded when none becomes free in time."""
        connection = await self._acquired()
        try:
            yield connection
        finally:
            await self._pool.release(connection)

    async def _acquired(self) -> "asyncpg.pool.PoolConnectionProxy[Row]":
        # Not the driver's own timeout, which takes a task for each call before Python 3.12.
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                return await self._pool.acquire()
        except TimeoutError:
            raise Overloaded from None

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """See Executor."""
        try:
            connection = await self._acquired()
            try:
                return await connection.fetch(query, *args)
            finally:
                await self._pool.release(connection)
        except _AWAY as error:
            raise unavailable(error) from error

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """See Executor."""
        try:
            connection = await self._acquired()
            try:
                return await connection.fetchrow(query, *args)
            finally:
                await self._pool.release(connection)
        except _AWAY as error:
            raise unavailable(error) from error

    async def execute(self, query: str, *args: object) -> str:
        """See Executor."""
        try:
            connection = await self._acquired()
            try:
                return await connection.execute(query, *args)
            finally:
                await self._pool.release(connection)
        except _AWAY as error:
            raise unavailable(error) from error


@contextmanager
def away_is_unavailable() -> Iterator[None]:
    """Turn what the driver raises when the database is away or too slow into StorageUnavailable."""
    try:
        yield
    except _AWAY as error:
        raise unavailable(error) from error


def unavailable(error: Exception) -> Exception:
    """Return what a driver's failure is to callers; a ValueError is a fault of ours: arguments that cannot be right."""
    return error if isinstance(error, ValueError) else StorageUnavailable()
