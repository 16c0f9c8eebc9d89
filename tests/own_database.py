"""A database of a test's own, for what would touch the users of other tests."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from service.config import Settings


@asynccontextmanager
async def empty_database(settings: Settings) -> AsyncIterator[str]:
    """Give the URL of an empty database beside that of the settings, until the block ends."""
    url, name = settings.database_url.get_secret_value(), f"empty_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()
