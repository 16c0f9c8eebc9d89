"""From an empty database to the newest schema: once, whoever else does it; never past what this server knows."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from service.adapters.postgres import migrate as module
from service.adapters.postgres.database import Database, UnknownSchema
from service.adapters.postgres.migrate import Migration, migrate, migrations, require_known_schema
from service.config import Settings
from service.domain.errors import StorageUnavailable
from service.wiring import open_world
from tests.dev_process import ended, service
from tests.own_database import empty_database
from tests.serve_process import variables

Columns = set[tuple[str, str, str, str]]


@pytest.fixture
async def url(settings: Settings) -> AsyncIterator[str]:
    """The URL of an empty database of the test's own."""
    async with empty_database(settings) as url:
        yield url


async def versions(url: str) -> list[int]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT version FROM schema_migrations ORDER BY version")
        return [row["version"] for row in rows]
    finally:
        await connection.close()


async def columns(url: str) -> Columns:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_schema = 'public'"
        )
        return {tuple(row) for row in rows}
    finally:
        await connection.close()


async def require(url: str) -> None:
    async with Database.connect(url, connections=1) as database:
        await require_known_schema(database)


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [migration.version for migration in migrations()] == list(range(1, len(migrations()) + 1))
    assert all(migration.sql.strip() for migration in migrations())


async def test_a_second_run_changes_nothing(url: str) -> None:
    assert await migrate(url) == migrations()
    before = await columns(url)
    assert await migrate(url) == []
    assert await versions(url) == [migration.version for migration in migrations()]
    assert await columns(url) == before
    await require(url)


async def test_every_table_is_keyed_by_its_user_first(url: str) -> None:
    await migrate(url)
    connection = await asyncpg.connect(url)
    try:
        first_columns = await connection.fetch(
            "SELECT c.relname AS table, a.attname AS first FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
            " WHERE i.indisprimary AND n.nspname = 'public' AND c.relname <> 'schema_migrations'"
        )
    finally:
        await connection.close()
    keys = {row["table"]: row["first"] for row in first_columns}
    assert set(keys) == {table for table, *_ in await columns(url)} - {"schema_migrations"}
    assert set(keys.values()) == {"user_id"}


async def test_two_at_once_apply_each_migration_once(url: str) -> None:
    applied = await asyncio.gather(*(migrate(url) for _ in range(6)))
    assert sorted(map(len, applied)) == [0] * 5 + [len(migrations())]
    assert await versions(url) == [migration.version for migration in migrations()]


async def test_two_processes_at_once_apply_each_migration_once(url: str, settings: Settings, tmp_path: Path) -> None:
    own = variables(settings.model_copy(update={"database_url": SecretStr(url)}))
    processes = [await service("migrate", folder=tmp_path, **own) for _ in range(2)]
    results = [await ended(process) for process in processes]
    assert [status for status, _, _ in results] == [0, 0]
    said = sorted(out for _, out, _ in results)
    assert said[0].startswith("applied 0001 ")
    assert said[1] == "the schema is the newest\n"


async def test_a_migration_that_fails_leaves_no_trace(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [*migrations(), Migration(len(migrations()) + 1, "broken", "CREATE TABLE half (); SELECT 1 / 0")]
    with monkeypatch.context() as patched:
        patched.setattr(module, "migrations", lambda: broken)
        with pytest.raises(asyncpg.DivisionByZeroError):
            await migrate(url)
    assert await columns(url) == set()
    assert await migrate(url) == migrations()


async def test_a_database_that_is_newer_is_refused_and_left_alone(url: str) -> None:
    await migrate(url)
    connection = await asyncpg.connect(url)
    newer = len(migrations()) + 1
    await connection.execute("INSERT INTO schema_migrations (version, name) VALUES ($1, 'of tomorrow')", newer)
    await connection.close()
    before = await columns(url)
    with pytest.raises(UnknownSchema):
        await migrate(url)
    with pytest.raises(UnknownSchema):
        await require(url)
    assert await columns(url) == before


async def test_a_server_refuses_a_database_without_schema(url: str, settings: Settings) -> None:
    with pytest.raises(UnknownSchema):
        await require(url)
    with pytest.raises(UnknownSchema):
        async with open_world(settings.model_copy(update={"database_url": SecretStr(url)})):
            pass


async def test_a_server_refuses_a_database_without_its_role(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await migrate(url)
    for name in ("nobody_of_that_name", "no such role"):
        with monkeypatch.context() as patched:
            patched.setattr("service.adapters.postgres.database.APPLICATION_ROLE", name)
            with pytest.raises(UnknownSchema):
                await require(url)


async def test_a_server_refuses_a_schema_that_knows_no_roles(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(module, "migrations", lambda: migrations()[:1])
        await migrate(url)
    with pytest.raises(UnknownSchema):
        await require(url)


async def test_a_database_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(StorageUnavailable):
        await migrate("postgresql://me@127.0.0.1:1/me")
