"""Port Store: the tables together, over the pool for single statements and over one connection in a transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.adapters.postgres.database import Database
from service.adapters.postgres.erasure import Erasures
from service.adapters.postgres.events import Events
from service.adapters.postgres.everybody import Everybody
from service.adapters.postgres.ledger import Ledger
from service.adapters.postgres.me_images import MeImages
from service.adapters.postgres.media import MediaTable
from service.adapters.postgres.oversight import Oversight
from service.adapters.postgres.references import ReferenceRows
from service.adapters.postgres.renditions import Renditions
from service.adapters.postgres.requests import Requests
from service.adapters.postgres.slots import Slots
from service.adapters.postgres.sweeping import Sweeping
from service.adapters.postgres.users import Users
from service.domain.model import UserId


class PostgresTransaction(
    Users, MediaTable, Renditions, MeImages, ReferenceRows, Slots, Requests, Ledger, Events, Erasures
):
    """Port Transaction over one connection."""


class PostgresStore(
    Users, MediaTable, Renditions, MeImages, ReferenceRows, Requests, Ledger, Events, Everybody, Sweeping, Oversight
):
    """Port Store."""

    def __init__(self, database: Database) -> None:
        Users.__init__(self, database)
        Everybody.__init__(self, database)

    @asynccontextmanager
    async def transaction(self, user_id: UserId) -> AsyncIterator[PostgresTransaction]:
        """See Store."""
        async with self._database.transaction(user_id) as connection:
            yield PostgresTransaction(connection)

    @property
    def database(self) -> Database:
        """The pool of connections."""
        return self._database

    async def ping(self) -> None:
        """See Store."""
        await self._database.fetchrow("SELECT 1")
