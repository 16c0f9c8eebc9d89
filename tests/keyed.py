"""A database of users who have nothing but keys, and what its rows say of them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg

from service.adapters.keks import read_keks
from service.adapters.new_kek import add_kek
from service.adapters.vault import KeyVault
from service.commands.rewrap_keys import NAME
from service.config import Settings
from service.domain.model import UserId
from service.ports.sealing import WrappedKey
from tests.own_place import own_place

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835


@dataclass(frozen=True)
class Keyed:
    """A database with a KEK file of its own."""

    settings: Settings
    connection: "asyncpg.Connection[asyncpg.Record]"

    @property
    def vault(self) -> KeyVault:
        """A vault with what the file holds now."""
        return KeyVault(read_keks(self.settings.kek_file))

    async def seed(self, count: int) -> None:
        """Add users, so that those of tests lie among them."""
        vault = self.vault

        def rows() -> Iterator[tuple[object, ...]]:
            for number in range(count):
                user_id = seeded_id(number)
                yield user_id, 1, vault.new_user_key(user_id).blob, BEGAN

        columns = ("user_id", "revision", "wrapped_key", "created_at")
        await self.connection.copy_records_to_table("users", records=rows(), columns=columns)
        await self.connection.execute("ANALYZE users")

    async def key(self, user_id: UserId) -> WrappedKey:
        """Return a user's key as it is wrapped now."""
        return WrappedKey(await self.connection.fetchval("SELECT wrapped_key FROM users WHERE user_id = $1", user_id))

    async def epochs(self) -> dict[int, int]:
        """Return how many keys each epoch wraps, as the keys themselves say."""
        rows = await self.connection.fetch(
            "SELECT substring(wrapped_key FROM 6 FOR 4) AS epoch, count(*) AS keys FROM users GROUP BY 1"
        )
        return {int.from_bytes(row["epoch"], "big"): row["keys"] for row in rows}

    async def nobody_rewraps(self) -> bool:
        """Whether no rewrapping has a session, and so no statement under way."""
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1"
        return bool(await self.connection.fetchval(sessions, NAME) == 0)

    async def has_moved(self, keys: int) -> bool:
        """Whether so many keys are under epoch 2."""
        return (await self.epochs()).get(2, 0) >= keys


def seeded_id(number: int) -> UserId:
    """Return the id of a seeded user: all over the range, and never the same twice."""
    return UserId(f"user-{UUID(int=(number + 1) * _SPREAD % (1 << 128))}")


@asynccontextmanager
async def keyed(settings: Settings, folder: Path) -> AsyncIterator[Keyed]:
    """Make an empty place with a KEK file of epoch 1."""
    async with own_place(settings) as place:
        add_kek(folder / "kek")
        own = place.settings.model_copy(update={"kek_file": folder / "kek"})
        yield Keyed(own, place.stored.database)
