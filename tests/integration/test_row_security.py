"""The second lock: a statement that forgets whose rows it may see, sees none of anybody else."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg
import pytest
from meimage.v1 import me_image_pb2 as pb

from service.adapters.postgres import (
    erasure,
    events,
    ledger,
    me_images,
    oversight,
    references,
    renditions,
    requests,
    slots,
    users,
)
from service.adapters.postgres.database import APPLICATION_ROLE
from service.domain.ledger import LedgerHead
from service.domain.model import MediaId, MeImageId, Rendition, RequestId, Slot, UserId
from service.domain.references import Selection
from service.ports.administration import BEFORE_ALL, ErasableUser
from service.ports.events import EventPosition
from service.ports.records import LedgerFilter, ListFilter, LockedUser, References
from service.ports.sealing import WrappedKey
from tests import pictures, rules
from tests.conftest import Served
from tests.people import Person, new_user_id

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
TABLES = ("users", "media", "renditions", "me_images", "primary_slots", "requests", "ledger", "events")
IN_USE = pb.NewMeImage(
    kind=pb.KIND_FACE, usage=pb.Usage(ai_reference=True), claim_slots=[pb.SLOT_AVATAR, pb.SLOT_FACE_REF]
)
OWN_ROWS = re.compile(r"(?:\w+\.)?user_id = (?:\$1|me\.user_id)")


@pytest.fixture
async def of_bob(bob: Person, request_id: str) -> pb.MeImage:
    """Something of somebody in every table."""
    return (await bob.upload(pictures.png(), IN_USE, request_id=request_id)).me_image


@asynccontextmanager
async def as_application(database: Connection, **settings: str) -> AsyncIterator[Connection]:
    """The server's role, with these settings and nothing more."""
    transaction = database.transaction()
    await transaction.start()
    try:
        await database.execute(f"SET LOCAL ROLE {APPLICATION_ROLE}")
        for name, value in settings.items():
            await database.execute("SELECT set_config($1, $2, true)", f"app.{name}", value)
        yield database
    finally:
        await transaction.rollback()


async def test_the_servers_role_owns_nothing_and_has_no_powers(database: Connection) -> None:
    role = await database.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", APPLICATION_ROLE)
    assert role is not None
    powers = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication", "rolcanlogin")
    assert {name: role[name] for name in powers} == dict.fromkeys(powers, False)
    for catalog, owner in (("pg_class", "relowner"), ("pg_proc", "proowner"), ("pg_namespace", "nspowner")):
        query = f"SELECT count(*) FROM {catalog} WHERE {owner} = $1::regrole"  # noqa: S608 # the names stand above
        assert await database.fetchval(query, APPLICATION_ROLE) == 0
    assert not await database.fetchval("SELECT has_schema_privilege($1, 'public', 'CREATE')", APPLICATION_ROLE)
    memberships = "SELECT count(*) FROM pg_auth_members WHERE member = $1::regrole"
    assert await database.fetchval(memberships, APPLICATION_ROLE) == 0


async def test_the_server_runs_in_that_role(served: Served, alice: Person) -> None:
    async with served.built.store.transaction(UserId(alice.user_id)) as tx:
        row = await tx._db.fetchrow("SELECT current_user AS name")
    assert row is not None
    assert row["name"] == APPLICATION_ROLE


async def test_every_table_has_the_lock(database: Connection) -> None:
    """A new table without it fails here."""
    rows = await database.fetch("""
        SELECT relname, relrowsecurity, ARRAY(SELECT polname FROM pg_policy WHERE polrelid = c.oid) AS policies,
               EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND attname = 'user_id') AS is_of_users
        FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    """)
    found = {row["relname"]: row for row in rows}
    assert set(found) >= {*TABLES, "schema_migrations"}
    del found["schema_migrations"]
    assert all(row["is_of_users"] and row["relrowsecurity"] and row["policies"] for row in found.values())


@pytest.mark.parametrize("table", TABLES)
async def test_a_statement_sees_the_rows_of_the_user_it_names(
    alice: Person, bob: Person, of_bob: pb.MeImage, database: Connection, table: str
) -> None:
    counted = f"SELECT count(*) AS rows, count(*) FILTER (WHERE user_id <> $1) AS others FROM {table}"  # noqa: S608
    seen = {}
    for name, settings in {
        "nobody": {},
        "empty": {"user_id": ""},
        "alice": {"user_id": alice.user_id},
        "bob": {"user_id": bob.user_id},
        "all": {"every_user": "yes"},
    }.items():
        async with as_application(database, **settings) as connection:
            row = await connection.fetchrow(counted, bob.user_id)
            assert row is not None
            seen[name] = (row["rows"] > 0, row["others"] > 0)
    assert seen.pop("all")[0]
    assert seen == {
        "nobody": (False, False),
        "empty": (False, False),
        "alice": (False, False),
        "bob": (True, False),
    }
    assert of_bob.me_image_id


@pytest.mark.parametrize("table", TABLES)
async def test_nothing_is_written_into_the_rows_of_another(
    alice: Person, bob: Person, of_bob: pb.MeImage, database: Connection, table: str
) -> None:
    add = f"INSERT INTO {table} (user_id) VALUES ($1)"  # noqa: S608
    async with as_application(database, user_id=alice.user_id) as connection:
        if table not in {"ledger", "requests", "events"}:
            assert await connection.execute(f"UPDATE {table} SET user_id = user_id") == "UPDATE 0"  # noqa: S608
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(add, bob.user_id)
    assert of_bob.me_image_id


async def test_statements_without_their_where_leak_nothing(
    bob: Person, of_bob: pb.MeImage, served: Served, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every statement of these tables that says whose rows it wants is made to forget it."""
    forgetful = 0
    for module in (erasure, events, ledger, me_images, oversight, references, renditions, requests, slots, users):
        for name, statement in vars(module).copy().items():
            if isinstance(statement, str) and name.startswith("_") and OWN_ROWS.search(statement):
                forgotten = OWN_ROWS.sub("($1::text IS NOT NULL)", statement)
                monkeypatch.setattr(module, name, forgotten.replace("me.user_id", "$1"))
                forgetful += 1
    assert forgetful > 12
    me, of, store = UserId(new_user_id()), MeImageId(UUID(of_bob.me_image_id)), served.built.store
    request_id = await database.fetchval("SELECT request_id FROM requests WHERE user_id = $1", bob.user_id)
    assert await database.fetch(me_images._FIND, me, of), "without the second lock this would leak"
    assert await store.me_image(me, of) is None
    assert await store.me_images(me, ListFilter(), None, 10) == (None, [])
    assert await store.primary(me, Slot.AVATAR) is None
    assert await store.request(me, RequestId(request_id)) is None
    assert await store.user_key(me) is None
    named = Selection(me_image_ids=(of,), slots=tuple(Slot))
    assert await store.references(me, named, Rendition.WEBP_320) == References()
    assert await store.rendition(me, MediaId(UUID(of_bob.media.media_id)), Rendition.WEBP_320) is None
    assert await store.entries(me, LedgerFilter(), None, 10) == []
    assert await store.ledger_page(me, BEFORE_ALL, 10) == []
    assert (await store.events(me, EventPosition(0, -1), 10)).events == ()
    async with store.transaction(me) as tx:
        assert await tx.lock_known_user(me) is None
        assert await tx.lock_me_image(me, of) is None
        assert await tx.lock_references(me, named, Rendition.WEBP_320) is None
        assert await tx.holders(me) == {}
        assert await tx.count_me_images(me) == 0
        assert await tx.erasable_user(me) == ErasableUser(None, None, False, 0, 0, 0, None)
        assert await tx.ledger_head(me) == LedgerHead()
        await tx.empty_slots(me, list(Slot))
        await tx.touch(LockedUser(me, 99, WrappedKey(b"")), [of], datetime.now(UTC))
    monkeypatch.undo()
    assert await bob.get(of_bob.me_image_id) == of_bob
    assert len(await rules.entries(bob)) == 1
