"""Port Store: the tables together, over the pool for single statements and over one connection in a transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.adapters.postgres.database import Database, away_is_unavailable
from service.adapters.postgres.me_images import MeImages
from service.adapters.postgres.media import MediaTables
from service.adapters.postgres.requests import Requests
from service.adapters.postgres.users import Users


class PostgresTransaction(Users, MediaTables, MeImages, Requests):
    """Port Transaction over one connection."""


class PostgresStore(Users, MediaTables, MeImages, Requests):
    """Port Store."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        """See Store."""
        with away_is_unavailable():
            async with self._database.connection() as connection, connection.transaction():
                yield PostgresTransaction(connection)

    async def ping(self) -> None:
        """See Store."""
        await self._database.fetchrow("SELECT 1")
