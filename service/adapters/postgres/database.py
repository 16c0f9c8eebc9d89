"""The connection pool, and whose rows a connection sees."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

import asyncpg

from service.adapters.postgres.away import AWAY, away_is_unavailable, raise_unavailable
from service.adapters.postgres.statements import Prepare
from service.domain.errors import Overloaded, StorageUnavailable
from service.domain.model import UserId

Row: TypeAlias = asyncpg.Record
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[Row]"
_Result = TypeVar("_Result")

APPLICATION_ROLE = "me_images_app"
"""Owns nothing, and sees the rows of the user whom a statement names; made by the migrations."""

APPLICATION_NAME = "me-images"
ACQUIRE_SECONDS = 5.0
STATEMENT_SECONDS = 10.0


class UnknownSchema(Exception):
    """The database's schema is not the one that this server was built for, or its role is not there."""


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


@dataclass(slots=True)
class PoolWaits:
    """How many calls wait for a connection now, how many have waited, and how many seconds in all."""

    waiting: int = 0
    ended: int = 0
    seconds: float = 0.0


class _Connection(asyncpg.Connection):
    """A connection that needs no reset: our statements leave no session state, and open transactions still end."""

    def get_reset_query(self) -> str:
        return ""


class Database:
    """A pool of connections; an Executor for single statements."""

    def __init__(self, pool: "asyncpg.Pool[Row]") -> None:
        self._pool = pool
        self.waits = PoolWaits()

    @property
    def connections(self) -> tuple[int, int]:
        """How many connections are in use, and how many are open and free."""
        free = self._pool.get_idle_size()
        return self._pool.get_size() - free, free

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, *, connections: int, prepare: Prepare | None = None, name: str = APPLICATION_NAME
    ) -> AsyncIterator["Database"]:
        """Open a pool; ``prepare`` is run on each of its connections, which go by a ``name`` in ``pg_stat_activity``.

        Raises:
            StorageUnavailable: the database does not answer.
            UnknownSchema: it has never been migrated, or the login is no member of the application's role.
        """
        milliseconds = str(int(STATEMENT_SECONDS * 1000))
        with away_is_unavailable(), _role_is_schema():
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=connections,
                connection_class=_Connection,
                init=prepare,
                command_timeout=STATEMENT_SECONDS,
                timeout=ACQUIRE_SECONDS,
                server_settings={
                    "application_name": name,
                    "role": APPLICATION_ROLE,
                    # What is acknowledged, and what left because the ledger says so, survives a crash of PostgreSQL.
                    "synchronous_commit": "on",
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

    def transaction(self, user_id: UserId) -> "AbstractAsyncContextManager[Connection]":
        """Lend a connection in a transaction that sees one user's rows; of one user there is one at a time.

        The lock is an advisory one, because who waits for a row takes a transaction id before it is his turn, and
        events go by those ids.
        """
        # Hexadecimal, because a script of several statements takes no arguments.
        name = f"convert_from(decode('{user_id.encode().hex()}', 'hex'), 'UTF8')"
        return self._begun(
            f"SELECT set_config('app.user_id', {name}, true), pg_advisory_xact_lock(hashtextextended({name}, 0))"
        )

    def everybody(self) -> "AbstractAsyncContextManager[Connection]":
        """Lend a connection in a transaction that sees the rows of all users."""
        return self._begun("SELECT set_config('app.every_user', 'yes', true)")

    @asynccontextmanager
    async def _begun(self, first: str) -> "AsyncIterator[Connection]":
        """Begin, say whom it sees and wait for its turn, in a single round trip."""
        with away_is_unavailable():
            async with self.connection() as connection:
                try:
                    await connection.execute(f"BEGIN; {first}")
                    yield connection
                except BaseException:
                    await connection.execute("ROLLBACK")
                    raise
                # PostgreSQL ends an aborted transaction without an error, and says ROLLBACK.
                if await connection.execute("COMMIT") != "COMMIT":
                    raise StorageUnavailable

    @asynccontextmanager
    async def connection(self) -> "AsyncIterator[Connection]":
        """Lend a connection. Raises Overloaded when none becomes free in time."""
        connection = await self._acquired()
        try:
            yield connection
        finally:
            await self._pool.release(connection, timeout=ACQUIRE_SECONDS)

    async def _acquired(self) -> "Connection":
        clock, waits = asyncio.get_running_loop().time, self.waits
        began = clock()
        waits.waiting += 1
        # Not the driver's own timeout, which takes a task for each call before Python 3.12.
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                return await self._pool.acquire()
        except TimeoutError:
            raise Overloaded from None
        finally:
            waits.waiting -= 1
            waits.ended += 1
            waits.seconds += clock() - began

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """See Executor."""
        return await self._run(lambda connection: connection.fetch(query, *args))

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """See Executor."""
        return await self._run(lambda connection: connection.fetchrow(query, *args))

    async def execute(self, query: str, *args: object) -> str:
        """See Executor."""
        return await self._run(lambda connection: connection.execute(query, *args))

    async def _run(self, statement: "Callable[[Connection], Awaitable[_Result]]") -> _Result:
        try:
            connection = await self._acquired()
            try:
                return await statement(connection)
            finally:
                await self._pool.release(connection, timeout=ACQUIRE_SECONDS)
        except AWAY as error:
            raise_unavailable(error)


def as_user(query: str) -> str:
    """Return a query that sees one user's rows: $1 names the user, and the query reads it as ``me.user_id``.

    The query depends on ``me``, and OFFSET 0 keeps the planner from merging the two, so the user is set before the
    first row is looked at; all in one statement, and forgotten when it ends.
    """
    return f"""
        SELECT it.* FROM (SELECT set_config('app.user_id', $1, true) AS user_id) AS me, LATERAL ({query} OFFSET 0) AS it
    """


@contextmanager
def _role_is_schema() -> Iterator[None]:
    try:
        yield
    except (asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError):
        raise UnknownSchema from None
