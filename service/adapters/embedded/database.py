"""The service's role and database inside the embedded Postgres."""

from pathlib import Path
from urllib.parse import quote

import asyncpg

from service.adapters.embedded.sockets import PORT

_NAME = "me_images"
"""Of the database, and of the role that owns it."""


async def connect_as_superuser(folder: Path) -> "asyncpg.Connection[asyncpg.Record]":
    """Connect by the socket in `folder`. Until Postgres is ready: OSError or asyncpg.CannotConnectNowError."""
    return await asyncpg.connect(host=str(folder), port=PORT, user="postgres", database="postgres", timeout=5)


async def ensure_database(folder: Path) -> str:
    """Make the role and its database where missing; return the database's URL, which holds no secret.

    The role is no superuser, as in production: what needs one fails here first. It may make roles (the application's)
    and databases (the tests').
    """
    connection = await connect_as_superuser(folder)
    try:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", _NAME):
            await connection.execute(f"CREATE ROLE {_NAME} LOGIN CREATEDB CREATEROLE")
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", _NAME):
            await connection.execute(f"CREATE DATABASE {_NAME} OWNER {_NAME}")
    finally:
        await connection.close()
    return f"postgresql://{_NAME}@/{_NAME}?host={quote(str(folder), safe='/')}&port={PORT}"
