"""The store: transactions that roll back, users that are locked in order, and a database that goes away."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import uuid4

import asyncpg
import pytest

from service.adapters.postgres.database import Database
from service.adapters.postgres.store import PostgresStore
from service.config import Settings
from service.domain.errors import StorageUnavailable
from service.domain.model import Kind, MediaId, MediaType, MeImageId, Rendition, RequestId, Slot, Usage, UserId
from service.ports.records import MediaRecord, NewMeImageRecord, RenditionRecord, RequestRecord
from service.ports.sealing import WrappedKey
from service.ports.transaction import Transaction
from tests.people import new_user_id
from tests.waiting import until

Looking: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
AT = datetime(2026, 11, 23, tzinfo=UTC)
KEY = WrappedKey(b"wrapped")


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[PostgresStore]:
    async with Database.connect(settings.database_url.get_secret_value(), connections=4) as pool:
        yield PostgresStore(pool)


@pytest.fixture
async def user(database: Looking) -> AsyncIterator[UserId]:
    """A user whose media have no objects: no test that looks at everybody's may find their rows."""
    user_id = UserId(new_user_id())
    yield user_id
    for table in ("primary_slots", "me_images", "renditions", "media"):
        await database.execute(f"DELETE FROM {table} WHERE user_id = $1", user_id)  # noqa: S608 # names of tables


def media() -> MediaRecord:
    return MediaRecord(MediaId(uuid4()), MediaType.PNG, 1, 1, 1, b"sealed", AT)


async def ready_media(tx: Transaction, user: UserId) -> MediaId:
    record = media()
    await tx.add_pending_media(
        user, record, os.urandom(32), [RenditionRecord(Rendition.WEBP_320, "webp-320", MediaType.WEBP, 1, 1, 1, None)]
    )
    assert await tx.mark_media_ready(user, record.media_id) is not None
    return record.media_id


async def test_a_clean_exit_commits(store: PostgresStore, user: UserId) -> None:
    async with store.transaction(user) as tx:
        assert (await tx.lock_user(user, KEY, AT)).revision == 1
        await tx.add_request(user, RequestRecord(RequestId(uuid4()), b"digest", b"sealed", AT))
    assert await store.user_key(user) == KEY


async def broken_off(store: PostgresStore, user: UserId, request_id: RequestId, raised: type[BaseException]) -> None:
    """Do much in a transaction, then end it by an exception."""
    async with store.transaction(user) as tx:
        await tx.lock_user(user, KEY, AT)
        await tx.add_request(user, RequestRecord(request_id, b"digest", b"sealed", AT))
        await ready_media(tx, user)
        raise raised


@pytest.mark.parametrize("raised", [LookupError, StorageUnavailable, asyncio.CancelledError])
async def test_any_other_exit_rolls_back(store: PostgresStore, user: UserId, raised: type[BaseException]) -> None:
    request_id = RequestId(uuid4())
    for _ in range(6):
        with pytest.raises(raised):
            await broken_off(store, user, request_id, raised)
    assert await store.user_key(user) is None
    assert await store.request(user, request_id) is None
    await asyncio.gather(*(store.ping() for _ in range(8)))


async def test_mutations_of_a_user_wait_for_each_other(store: PostgresStore, user: UserId, database: Looking) -> None:
    order: list[str] = []

    async def second() -> None:
        async with store.transaction(user) as tx:
            locked = await tx.lock_known_user(user)
            assert locked is not None
            order.append(f"second at {locked.revision}")

    async with store.transaction(user) as tx:
        await tx.lock_user(user, KEY, AT)
    async with store.transaction(user) as tx:
        await tx.lock_user(user, KEY, AT)
        waiting = asyncio.create_task(second())
        await _is_blocked(database)
        order.append("first")
    await waiting
    assert order == ["first", "second at 3"]


async def _is_blocked(database: Looking) -> None:
    async def blocked() -> bool:
        row = await database.fetchrow("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return row is not None

    await until(blocked)


async def test_users_do_not_wait_for_each_other(store: PostgresStore, user: UserId) -> None:
    async with asyncio.timeout(5), store.transaction(user) as tx:
        await tx.lock_user(user, KEY, AT)
        stranger = UserId(new_user_id())
        async with store.transaction(stranger) as other:
            assert (await other.lock_user(stranger, KEY, AT)).revision == 1


async def test_new_users_who_arrive_at_once_get_one_key(store: PostgresStore, user: UserId) -> None:
    async def arrive(number: int) -> tuple[int, bytes]:
        async with store.transaction(user) as tx:
            locked = await tx.lock_user(user, WrappedKey(b"key %d" % number), AT)
            return locked.revision, locked.wrapped_key.blob

    arrived = await asyncio.gather(*(arrive(number) for number in range(20)))
    assert sorted(revision for revision, _ in arrived) == list(range(1, 21))
    assert len({blob for _, blob in arrived}) == 1


async def test_concurrent_claims_of_a_slot_end_in_one_holder_without_deadlock(
    store: PostgresStore, user: UserId, database: Looking
) -> None:
    async with store.transaction(user) as tx:
        await tx.lock_user(user, KEY, AT)
        media_id = await ready_media(tx, user)

    async def claim() -> None:
        async with store.transaction(user) as tx:
            locked = await tx.lock_known_user(user)
            assert locked is not None
            new = NewMeImageRecord(MeImageId(uuid4()), media_id, Kind.FACE, Usage(), b"sealed", AT)
            await tx.add_me_image(locked, new)
            await tx.claim_slots(locked, list(Slot), new.me_image_id, AT)

    await asyncio.gather(*(claim() for _ in range(50)))
    row = await database.fetchrow("SELECT count(*) AS n FROM primary_slots WHERE user_id = $1", user)
    assert row is not None
    assert row["n"] == len(Slot)
