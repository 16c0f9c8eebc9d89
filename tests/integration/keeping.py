"""One row and one object with the same content, through the ordinary drivers."""

import io

import asyncpg
from minio import Minio

from service.adapters.embedded import EmbeddedStores

KEY = "me/embedded-test"


async def keep(stores: EmbeddedStores, content: bytes) -> None:
    """Write both."""
    connection = await asyncpg.connect(stores.database_url)
    try:
        await connection.execute("CREATE TABLE kept (content bytea)")
        await connection.execute("INSERT INTO kept VALUES ($1)", content)
    finally:
        await connection.close()
    s3_client(stores).put_object(stores.s3_bucket, KEY, io.BytesIO(content), len(content))


async def kept(stores: EmbeddedStores) -> tuple[bytes, bytes]:
    """Read both."""
    connection = await asyncpg.connect(stores.database_url)
    try:
        row = await connection.fetchval("SELECT content FROM kept")
    finally:
        await connection.close()
    answer = s3_client(stores).get_object(stores.s3_bucket, KEY)
    try:
        return row, answer.read()
    finally:
        answer.close()
        answer.release_conn()


def s3_client(stores: EmbeddedStores, secret_key: str | None = None) -> Minio:
    """Return a client, with the right secret key or another."""
    return Minio(
        stores.s3_endpoint,
        stores.s3_access_key,
        secret_key or stores.s3_secret_key,
        secure=stores.s3_secure,
        region="us-east-1",
    )
