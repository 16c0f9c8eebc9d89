"""What is stored, looked at past the service: rows in Postgres and keys in the bucket."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg
from minio import Minio

from service.domain.objects import PREFIX

_OF_USER = {
    table: f"SELECT count(*) FROM {table} WHERE user_id = $1"  # noqa: S608 # the names stand below
    for table in ("users", "media", "renditions", "me_images", "primary_slots", "requests", "ledger", "events")
}


@dataclass(frozen=True)
class Stored:
    """A database and a bucket."""

    database: "asyncpg.Connection[asyncpg.Record]"
    client: Minio
    bucket: str

    async def rows(self, user_id: str) -> dict[str, int]:
        """Return how many rows a user has in each table that holds any."""
        counts = {table: await self.database.fetchval(query, user_id) for table, query in _OF_USER.items()}
        return {table: count for table, count in counts.items() if count}

    async def media_states(self, user_id: str) -> list[str]:
        """Return the states of a user's media."""
        rows = await self.database.fetch("SELECT state FROM media WHERE user_id = $1 ORDER BY created_at", user_id)
        return [row["state"] for row in rows]

    async def age_media(self, media_id: str, by: str) -> None:
        """Make a media's idle time longer: upkeep's clock alone would age uploads that are under way, too."""
        query = "UPDATE media SET idle_since = idle_since - $2::text::interval WHERE media_id = $1"
        assert await self.database.execute(query, UUID(media_id), by) == "UPDATE 1"

    async def keys_of(self, user_id: str) -> set[str]:
        """Return the keys of the objects of a user's media."""
        rows = await self.database.fetch("SELECT media_id FROM media WHERE user_id = $1", user_id)
        return {key for row in rows for key in self.keys(f"{PREFIX}{row['media_id']}/")}

    def keys(self, prefix: str = PREFIX) -> set[str]:
        """Return the keys of all objects below a prefix."""
        found = self.client.list_objects(self.bucket, prefix=prefix, recursive=True)
        return {str(each.object_name) for each in found}
