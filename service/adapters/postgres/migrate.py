"""Bringing the schema to the newest version, and refusing one that this server does not know."""

import re
from dataclasses import dataclass
from importlib import resources

import asyncpg

from service.adapters.postgres.away import away_is_unavailable
from service.adapters.postgres.database import Executor, UnknownSchema

_LOCK_KEY = 0x6D65_696D
"""The advisory lock that lets one migration run at a time: "meim" in ASCII."""

_VERSIONS = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
    )
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file."""

    version: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """Return all migrations in order. Raises ValueError when their numbers have a gap."""
    found = []
    for file in resources.files("service.adapters.postgres.migrations").iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name)
        if match:
            found.append(Migration(int(match[1]), match[2], file.read_text("utf-8")))
    found.sort(key=lambda migration: migration.version)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations are numbered from 1 without a gap")
    return found


async def migrate(url: str) -> list[Migration]:
    """Apply what is missing in one transaction, and return it.

    Raises:
        UnknownSchema: the database is newer than this server.
        StorageUnavailable: the database does not answer.
    """
    with away_is_unavailable():
        connection = await asyncpg.connect(url)
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_KEY)
                await connection.execute(_VERSIONS)
                current = await _version(connection)
                missing = migrations()[current:]
                if current > len(migrations()):
                    raise UnknownSchema
                for migration in missing:
                    await connection.execute(migration.sql)
                    await connection.execute(
                        "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)",
                        migration.version,
                        migration.name,
                    )
                return missing
        finally:
            await connection.close()


async def require_known_schema(db: Executor) -> None:
    """Raise UnknownSchema unless the database stands exactly at the newest migration."""
    try:
        current = await _version(db)
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        raise UnknownSchema from None
    if current != len(migrations()):
        raise UnknownSchema


async def _version(db: Executor) -> int:
    row = await db.fetchrow("SELECT coalesce(max(version), 0) AS version FROM schema_migrations")
    return int(row["version"]) if row else 0
