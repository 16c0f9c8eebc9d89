"""A database and a bucket of a test's own, for what looks at everybody."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from minio import Minio
from pydantic import SecretStr

from service.adapters.objects import S3Objects
from service.adapters.postgres.migrate import migrate
from service.config import Settings
from service.settled import bucket_address
from tests.conftest import Serve, Served
from tests.own_database import empty_database
from tests.stored import Stored


@dataclass(frozen=True)
class Place:
    """Settings that point here, and what is stored here."""

    settings: Settings
    stored: Stored

    @asynccontextmanager
    async def serving(self, serve: Serve, **changed: object) -> AsyncIterator[Served]:
        """Serve from here."""
        here = {"database_url": self.settings.database_url, "s3_bucket": self.settings.s3_bucket}
        async with serve(**here, decoders=1, **changed) as running:
            yield running


@asynccontextmanager
async def own_place(settings: Settings) -> AsyncIterator[Place]:
    """Make an empty place, of the newest schema."""
    async with empty_database(settings) as url:
        await migrate(url)
        own = settings.model_copy(update={"database_url": SecretStr(url), "s3_bucket": f"own-{uuid.uuid4().hex}"})
        async with S3Objects.connect(bucket_address(own), connections=1) as objects:
            await objects.make_bucket()
        connection = await asyncpg.connect(url)
        keys = (own.s3_access_key.get_secret_value(), own.s3_secret_key.get_secret_value())
        client = Minio(own.s3_endpoint, *keys, secure=own.s3_secure, region=own.s3_region)
        try:
            yield Place(own, Stored(connection, client, own.s3_bucket))
        finally:
            await connection.close()
