"""Whether the database answers, however busy this process is."""

from service.adapters.postgres.bell import PostgresBell
from service.adapters.postgres.store import PostgresStore
from service.domain.errors import StorageUnavailable


class Pulse:
    """Asks over the connection of the bell, which no call takes; over the pool while that one is being hung anew.

    Over the pool alone a server whose connections are all at work would seem to have no database: it would be taken
    out, its calls would go to the others, and these would follow.
    """

    def __init__(self, bell: PostgresBell, store: PostgresStore) -> None:
        self._bell = bell
        self._store = store

    async def ping(self) -> None:
        """Return when the database answers. Raises StorageUnavailable."""
        try:
            await self._bell.ping()
        except StorageUnavailable:
            await self._store.ping()
