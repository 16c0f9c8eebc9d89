"""PostgreSQL and an S3 store as child processes, for development and tests: nothing to install, nothing to set up.

The service reaches them as it reaches any others, by a URL and an endpoint: only these differ from production.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from service.adapters.embedded.children import EmbeddedStoreError
from service.adapters.embedded.postgres import running_postgres
from service.adapters.embedded.s3 import BUCKET, running_s3
from service.adapters.private_files import private_folder

__all__ = ["EmbeddedStoreError", "EmbeddedStores", "embedded_stores"]


@dataclass(frozen=True)
class EmbeddedStores:
    """Where the two stores are. The database URL holds no secret: Postgres admits our system user and no other."""

    database_url: str
    s3_endpoint: str
    s3_access_key: str = field(repr=False)
    s3_secret_key: str = field(repr=False)
    s3_bucket: str = BUCKET
    s3_secure: bool = False


@asynccontextmanager
async def embedded_stores(data_dir: Path) -> AsyncIterator[EmbeddedStores]:
    """Run both stores, with their data under `data_dir` (made, and closed to other users), while the context is open.

    They end, too, when this process or the thread of its event loop dies in any other way; their data outlives that.
    One process at a time may use a folder: claim it first (service.adapters.data_dir). Raises EmbeddedStoreError,
    naming a log, where one of them does not start.
    """
    data_dir = private_folder(data_dir)
    logs = private_folder(data_dir / "logs")
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.TaskGroup() as starting:
                postgres = starting.create_task(stack.enter_async_context(running_postgres(data_dir, logs)))
                s3 = starting.create_task(stack.enter_async_context(running_s3(data_dir, logs)))
        except* EmbeddedStoreError as failures:
            raise failures.exceptions[0] from None
        access = s3.result()
        yield EmbeddedStores(postgres.result(), access.endpoint, access.access_key, access.secret_key)
