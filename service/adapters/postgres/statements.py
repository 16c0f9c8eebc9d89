"""What a statement is called in traces: what it does to which table, never its text, which can name a user."""

import re
from typing import Protocol

import asyncpg

from service.ports.tracing import Traces

TABLES = frozenset({"users", "media", "renditions", "me_images", "primary_slots", "requests", "ledger", "events"})
_VERBS = frozenset({"BEGIN", "COMMIT", "ROLLBACK", "SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "SET"})
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+([a-z_]+)")


class Prepare(Protocol):
    """Is run on every new connection of a pool."""

    async def __call__(self, connection: "asyncpg.Connection[asyncpg.Record]", /) -> None:
        """Make it ready."""
        ...


def statement_name(query: str) -> str:
    """Return a name from a fixed set of words: a verb, and the first of our tables where there is one."""
    verb = query.split(maxsplit=1)[0].rstrip(";")
    if verb not in _VERBS:
        return "OTHER"
    table = next((found for found in _TABLE.findall(query) if found in TABLES), None)
    return f"{verb} {table}" if table and verb != "BEGIN" else verb


def traced(traces: Traces) -> Prepare:
    """Return what makes a connection tell of its statements."""

    def told(record: asyncpg.connection.LoggedQuery) -> None:
        traces.statement(statement_name(record.query), record.elapsed, failed=record.exception is not None)

    async def prepare(connection: "asyncpg.Connection[asyncpg.Record]", /) -> None:
        connection.add_query_logger(told)

    return prepare
