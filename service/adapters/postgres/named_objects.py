"""Port Rows: which objects the rows name, by cursors that are held outside any transaction.

A cursor WITH HOLD is computed when its transaction ends: one sort for the whole walk, and nothing open while the bucket
is read. It belongs to its session, so the connection is one of its own.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias
from uuid import UUID

import asyncpg

from service.adapters.postgres.away import away_is_unavailable
from service.adapters.postgres.database import ACQUIRE_SECONDS, APPLICATION_ROLE, Database, Row
from service.domain.erasure import ERASURES, erasure_key
from service.domain.model import MediaId
from service.domain.objects import PREFIX, object_key
from service.ports.audit import NamedObject

Connection: TypeAlias = "asyncpg.Connection[Row]"

PAGE = 1000
_EVERYBODY = "SELECT set_config('app.every_user', 'yes', true)"
# A rendition that came with an upload is marked ready before its media is.
_OBJECTS = """
    SELECT media_id, user_id, 'original' AS variant, state = 'ready' AS due FROM media {0}
    UNION ALL
    SELECT r.media_id, r.user_id, r.variant, r.state = 'ready' AND m.state = 'ready'
    FROM renditions r JOIN media m USING (user_id, media_id) {0}
"""
_ERASED = """
    SELECT user_id, certificate_filed_at IS NOT NULL AS due,
           encode(sha256(convert_to(user_id, 'UTF8')), 'hex') AS digest
    FROM users WHERE erased_at IS NOT NULL
"""
_HOLD = (
    f"""
    DECLARE media_objects NO SCROLL CURSOR WITH HOLD FOR
    SELECT * FROM ({_OBJECTS.format("")}) AS named ORDER BY media_id, variant COLLATE "C"
    """,
    f"""
    DECLARE certificates NO SCROLL CURSOR WITH HOLD FOR
    SELECT * FROM ({_ERASED}) AS named ORDER BY digest COLLATE "C"
    """,
)
_TOTAL = """
    SELECT (SELECT count(*) FROM media) + (SELECT count(*) FROM renditions)
         + (SELECT count(*) FROM users WHERE erased_at IS NOT NULL)
"""
_OBJECTS_NOW = _OBJECTS.format("WHERE media_id = ANY ($1)")
_OBJECTS_OF = _OBJECTS.format("WHERE media_id = ANY ($1) AND user_id = ANY ($2)")
_ERASED_OF = f"{_ERASED} AND user_id = ANY ($1)"
_ERASED_NOW = f"SELECT * FROM ({_ERASED}) AS erased WHERE digest = ANY ($1)"


class NamedObjects:
    """Port Rows."""

    def __init__(self, connection: Connection, total: int) -> None:
        self._connection = connection
        self.total = total

    @classmethod
    @asynccontextmanager
    async def held(cls, url: str) -> AsyncIterator["NamedObjects"]:
        """Fix what rows name now, until the block ends. Raises StorageUnavailable."""
        with away_is_unavailable():
            connection = await asyncpg.connect(
                url,
                timeout=ACQUIRE_SECONDS,
                server_settings={"application_name": "me-images audit", "role": APPLICATION_ROLE},
            )
        try:
            with away_is_unavailable():
                async with connection.transaction(isolation="repeatable_read"):
                    await connection.execute(_EVERYBODY)
                    total = await connection.fetchval(_TOTAL)
                    for statement in _HOLD:
                        await connection.execute(statement)
            yield cls(connection, total)
        finally:
            connection.terminate()

    async def media_objects(self) -> AsyncIterator[NamedObject]:
        """See Rows."""
        async for row in self._rows("media_objects"):
            yield _of_media(row)

    async def certificates(self) -> AsyncIterator[NamedObject]:
        """See Rows."""
        async for row in self._rows("certificates"):
            yield _of_erased(row)

    async def named_now(self, keys: Collection[str]) -> set[str]:
        """See Rows. Nobody knows whose they are, so it is one look through the table."""
        media_ids = [media_id for key in keys if (media_id := _media_id(key))]
        digests = [_digest(key) for key in keys if key.startswith(ERASURES)]
        media = await self._look(_OBJECTS_NOW, media_ids) if media_ids else []
        erased = await self._look(_ERASED_NOW, digests) if digests else []
        return {each.key for each in (*map(_of_media, media), *map(_of_erased, erased))} & set(keys)

    async def due_now(self, named: Collection[NamedObject]) -> set[str]:
        """See Rows."""
        user_ids = list({each.user_id for each in named})
        media_ids = [media_id for each in named if (media_id := _media_id(each.key))]
        media = await self._look(_OBJECTS_OF, media_ids, user_ids) if media_ids else []
        erased = await self._look(_ERASED_OF, user_ids)
        now = (*map(_of_media, media), *map(_of_erased, erased))
        return {each.key for each in now if each.due} & {each.key for each in named}

    async def _look(self, query: str, *args: object) -> Sequence[Row]:
        with away_is_unavailable():
            async with self._connection.transaction():
                await self._connection.execute(_EVERYBODY)
                return await self._connection.fetch(query, *args)

    async def _rows(self, cursor: str) -> AsyncIterator[Row]:
        while True:
            with away_is_unavailable():
                page = await self._connection.fetch(f"FETCH {PAGE} FROM {cursor}")
            if not page:
                return
            for row in page:
                yield row


def _of_media(row: Row) -> NamedObject:
    return NamedObject(object_key(row["media_id"], row["variant"]), row["user_id"], row["due"])


def _of_erased(row: Row) -> NamedObject:
    return NamedObject(erasure_key(row["user_id"]), row["user_id"], row["due"])


def _media_id(key: str) -> MediaId | None:
    try:
        return MediaId(UUID(key.removeprefix(PREFIX).partition("/")[0])) if key.startswith(PREFIX) else None
    except ValueError:
        return None


async def erased_among(database: Database, keys: Collection[str]) -> set[str]:
    """Return those keys of certificates whose people are erased. Raises StorageUnavailable."""
    async with database.everybody() as connection:
        rows = await connection.fetch(_ERASED_NOW, [_digest(key) for key in keys])
    return {_of_erased(row).key for row in rows} & set(keys)


def _digest(key: str) -> str:
    return key.removeprefix(ERASURES).removesuffix(".json")
