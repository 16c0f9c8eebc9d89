"""What operators ask across users: the ledgers to verify, and what waits for upkeep."""

from datetime import datetime

from service.adapters.postgres.database import Database, Row, as_user
from service.adapters.postgres.ledger import LEDGER_COLUMNS, ledger_record
from service.domain.model import UserId
from service.ports.administration import Backlog, HeldEntry, LedgerPosition
from service.ports.sealing import WrappedKey

_PAGE = f"""
    SELECT l.user_id, {LEDGER_COLUMNS} FROM ledger l WHERE {{}} ORDER BY l.user_id, sequence LIMIT $3
"""
_WITH_KEYS = """
    SELECT page.*, CASE WHEN page.sealed_release IS NOT NULL THEN (
        SELECT u.wrapped_key FROM users u WHERE u.user_id = page.user_id
    ) END AS wrapped_key
    FROM ({}) AS page ORDER BY page.user_id, page.sequence
"""
_OF_USER = as_user(_WITH_KEYS.format(_PAGE.format("l.user_id = me.user_id AND sequence > $2")))
_OF_ALL = _WITH_KEYS.format(_PAGE.format("(l.user_id, sequence) > ($1, $2)"))
# The planner takes row-level security for a filter that lets few rows through, and would rather sort the whole table
# for each page than walk along its key: measured on 600,000 entries, 186 ms a page instead of 1.
_ALONG_THE_KEY = "SET LOCAL enable_sort = off"
_BACKLOG = """
    SELECT (SELECT max(version) FROM schema_migrations) AS schema_version,
           (SELECT count(*) FROM (SELECT FROM media WHERE state = 'condemned' LIMIT $2) AS it) AS condemned_media,
           (SELECT count(*) FROM (SELECT FROM renditions WHERE state <> 'ready' LIMIT $2) AS it)
               AS unfinished_renditions,
           (SELECT count(*) FROM (SELECT FROM me_images WHERE purge_at <= $1 LIMIT $2) AS it) AS due_me_images,
           (SELECT count(*) FROM (SELECT FROM events LIMIT $2) AS it) AS events,
           (SELECT count(*) FROM (
               SELECT DISTINCT user_id FROM media m JOIN users u USING (user_id)
               WHERE m.idle_since IS NOT NULL AND u.erased_at IS NOT NULL LIMIT $2
           ) AS it) AS erased_with_media,
           (SELECT count(*) FROM (
               SELECT FROM users WHERE erased_at IS NOT NULL AND certificate_filed_at IS NULL LIMIT $2
           ) AS it) AS certificates_to_file
"""
_TOMBSTONES = "SELECT user_id FROM users WHERE erased_at IS NOT NULL"


class Oversight:
    """Statements of AdminService."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ledger_page(self, user_id: UserId | None, after: LedgerPosition, limit: int) -> list[HeldEntry]:
        """See Store."""
        if user_id is not None:
            rows = await self._database.fetch(_OF_USER, user_id, after.sequence, limit)
        else:
            async with self._database.everybody() as connection:
                await connection.execute(_ALONG_THE_KEY)
                rows = await connection.fetch(_OF_ALL, after.user_id, after.sequence, limit)
        return [_held(row) for row in rows]

    async def backlog(self, now: datetime, most: int) -> Backlog:
        """See Store."""
        async with self._database.everybody() as connection:
            row = await connection.fetchrow(_BACKLOG, now, most)
        assert row is not None  # noqa: S101 # a query without tables always returns its row
        return Backlog(**row)

    async def erased_users(self) -> list[UserId]:
        """See Store."""
        async with self._database.everybody() as connection:
            return [UserId(row["user_id"]) for row in await connection.fetch(_TOMBSTONES)]


def _held(row: Row) -> HeldEntry:
    wrapped = row["wrapped_key"]
    return HeldEntry(ledger_record(row["user_id"], row), None if wrapped is None else WrappedKey(wrapped))
