"""A database that goes away, hangs or is full: one word for each, and a pool that recovers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import asyncpg
import pytest

from service.adapters.postgres.database import Database
from service.adapters.postgres.store import PostgresStore
from service.config import Settings
from service.domain.errors import Overloaded, StorageUnavailable
from service.domain.model import UserId
from service.ports.sealing import WrappedKey
from tests.people import new_user_id

AT = datetime(2026, 11, 23, tzinfo=UTC)
KEY = WrappedKey(b"wrapped")


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[PostgresStore]:
    async with Database.connect(settings.database_url.get_secret_value(), connections=4) as pool:
        yield PostgresStore(pool)


@pytest.fixture
def user() -> UserId:
    return UserId(new_user_id())


async def test_a_session_that_the_database_ends_is_unavailable_and_then_replaced(
    store: PostgresStore, user: UserId, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def ended() -> None:
        async with store.transaction(user) as tx:
            await tx.lock_user(user, KEY, AT)
            await database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE state = 'idle in transaction' AND datname = current_database()"
            )
            await tx.lock_user(user, KEY, AT)

    with pytest.raises(StorageUnavailable):
        await ended()
    await asyncio.gather(*(store.ping() for _ in range(8)))
    assert await store.user_key(user) is None


async def test_a_statement_that_takes_too_long_is_unavailable(
    store: PostgresStore, user: UserId, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    url = settings.database_url.get_secret_value()
    async with AsyncExitStack() as stack:
        with monkeypatch.context() as patched:
            patched.setattr("service.adapters.postgres.database.STATEMENT_SECONDS", 0.5)
            hasty = PostgresStore(await stack.enter_async_context(Database.connect(url, connections=1)))
        tx = await stack.enter_async_context(store.transaction(user))
        await tx.lock_user(user, KEY, AT)

        async def lock_too() -> None:
            async with hasty.transaction(user) as other:
                await other.lock_user(user, KEY, AT)

        with pytest.raises(StorageUnavailable):
            await lock_too()


async def test_a_database_that_refuses_connections_is_unavailable() -> None:
    with pytest.raises(StorageUnavailable):
        async with Database.connect("postgresql://me@127.0.0.1:1/me?sslmode=disable", connections=1):
            pass


async def test_more_than_all_connections_are_refused_as_overload(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Database.connect(settings.database_url.get_secret_value(), connections=1) as pool, pool.connection():
        with monkeypatch.context() as patched:
            patched.setattr("service.adapters.postgres.database.ACQUIRE_SECONDS", 0.05)
            with pytest.raises(Overloaded):
                await PostgresStore(pool).ping()
