"""What an installation's database is like, as its login sees it: facts for the doctor, who judges them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

import asyncpg

from service.adapters.postgres.away import AWAY
from service.adapters.postgres.database import ACQUIRE_SECONDS, APPLICATION_ROLE, Row
from service.adapters.postgres.migrate import migrations
from service.adapters.postgres.statements import TABLES

Connection: TypeAlias = "asyncpg.Connection[Row]"

_LOGIN = """
    SELECT current_setting('server_version_num')::integer / 10000 AS version, session_user::text AS login,
           r.rolsuper OR r.rolbypassrls AS is_above_rules,
           to_regrole($1) IS NOT NULL AS has_role,
           coalesce(pg_has_role(session_user, to_regrole($1), 'MEMBER'), false) AS is_member,
           current_setting('synchronous_commit') AS synchronous_commit, current_setting('fsync') AS fsync,
           clock_timestamp() AS now
    FROM pg_roles r WHERE r.rolname = session_user
"""
_TABLES = """
    SELECT c.relname::text AS name, c.relrowsecurity AS is_protected,
           pg_has_role(session_user, c.relowner, 'USAGE') AS is_owned
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY ($1)
    ORDER BY c.relname
"""


class Refusal(StrEnum):
    """Why there is no connection."""

    AWAY = "away"
    ADDRESS = "address"
    LOGIN = "login"
    NO_DATABASE = "no database"


class CannotConnect(Exception):
    """There is no connection, for this reason."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Examination:
    """How things are; ``schema`` is None where there is none that the role may see, ``newest`` the one we know.

    ``owned`` and ``unprotected`` are tables: that the login may change past the rules, and without row-level security.
    """

    version: int
    login: str
    is_above_rules: bool
    has_role: bool
    is_member: bool
    takes_role: bool
    owned: tuple[str, ...]
    unprotected: tuple[str, ...]
    schema: int | None
    newest: int
    synchronous_commit: str
    fsync: str
    now: datetime


async def examine(url: str) -> Examination:
    """Look, changing nothing. Raises CannotConnect."""
    async with _connected(url) as connection:
        login = await connection.fetchrow(_LOGIN, APPLICATION_ROLE)
        assert login is not None  # noqa: S101 # whoever is logged in has a role
        tables = await connection.fetch(_TABLES, list(TABLES))
        schema, takes_role = None, False
        try:
            await connection.execute(f"SET ROLE {APPLICATION_ROLE}")
            takes_role = True
            schema = await connection.fetchval("SELECT max(version) FROM schema_migrations")
        except (asyncpg.InvalidParameterValueError, asyncpg.UndefinedObjectError, asyncpg.InsufficientPrivilegeError):
            pass  # the role is not there, or not for this login, or may not see the schema
        except asyncpg.UndefinedTableError:
            pass
    return Examination(
        **login,
        takes_role=takes_role,
        owned=tuple(row["name"] for row in tables if row["is_owned"]),
        unprotected=tuple(row["name"] for row in tables if not row["is_protected"]),
        schema=schema,
        newest=len(migrations()),
    )


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    """Give a connection with what a server asks of its own. Raises CannotConnect."""
    try:
        connection = await asyncpg.connect(
            url,
            timeout=ACQUIRE_SECONDS,
            command_timeout=ACQUIRE_SECONDS,
            server_settings={"application_name": "me-images doctor", "synchronous_commit": "on"},
        )
    except asyncpg.InvalidAuthorizationSpecificationError:
        raise CannotConnect(Refusal.LOGIN) from None
    except asyncpg.InvalidCatalogNameError:
        raise CannotConnect(Refusal.NO_DATABASE) from None
    except ValueError:
        raise CannotConnect(Refusal.ADDRESS) from None
    except AWAY:
        raise CannotConnect(Refusal.AWAY) from None
    try:
        yield connection
    except AWAY:
        raise CannotConnect(Refusal.AWAY) from None
    finally:
        connection.terminate()
