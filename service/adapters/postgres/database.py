"""The connection pool, and the one place where a driver's failure becomes StorageUnavailable."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NoReturn, Protocol, TypeAlias, TypeVar

import asyncpg

from service.domain.errors import Overloaded, StorageUnavailable

Row: TypeAlias = asyncpg.Record
_Result = TypeVar("_Result")

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
            await self._pool.release(connection, timeout=ACQUIRE_SECONDS)

    async def _acquired(self) -> "asyncpg.pool.PoolConnectionProxy[Row]":
        # Not the driver's own timeout, which takes a task for each call before Python 3.12.
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                return await self._pool.acquire()
        except TimeoutError:
            raise Overloaded from None

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """See Executor."""
        return await self._run(lambda connection: connection.fetch(query, *args))

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """See Executor."""
        return await self._run(lambda connection: connection.fetchrow(query, *args))

    async def execute(self, query: str, *args: object) -> str:
        """See Executor."""
        return await self._run(lambda connection: connection.execute(query, *args))

    async def _run(self, statement: "Callable[[asyncpg.pool.PoolConnectionProxy[Row]], Awaitable[_Result]]") -> _Result:
        try:
            connection = await self._acquired()
            try:
                return await statement(connection)
            finally:
                await self._pool.release(connection, timeout=ACQUIRE_SECONDS)
        except _AWAY as error:
            raise_unavailable(error)


@contextmanager
def away_is_unavailable() -> Iterator[None]:
    """Turn what the driver raises when the database is away or too slow into StorageUnavailable."""
    try:
        yield
    except _AWAY as error:
        raise_unavailable(error)


def raise_unavailable(error: Exception) -> NoReturn:
    """Raise what a driver's failure is to callers; a ValueError is a fault of ours: arguments that cannot be right."""
    if isinstance(error, ValueError):
        raise error
    raise StorageUnavailable from error
