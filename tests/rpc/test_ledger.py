"""ListLedgerEntries: whole, in order, chained so that anybody can check it, and out of the server's own reach."""

from datetime import timedelta
from typing import TypeAlias

import asyncpg
import grpc
import pytest
from meimage.v1 import ledger_pb2
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from service.adapters.postgres.database import APPLICATION_ROLE
from tests import rules
from tests.chain import first_break
from tests.conftest import Served
from tests.people import Person, person, refused
from tests.tokens import Issuer

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def written(alice: Person, mine: pb.MeImage) -> list[ledger_pb2.LedgerEntry]:
    """A ledger of nine entries, oldest first."""
    for number in range(7):
        await rules.opt(alice, mine.me_image_id, enabled=number % 2 == 0)
    await rules.switch(alice, enabled=False)
    await rules.switch(alice, enabled=True)
    return await rules.entries(alice)


async def page(who: Person, token: str = "", size: int = 0) -> rpc.ListLedgerEntriesResponse:
    request = rpc.ListLedgerEntriesRequest(user_id=who.user_id, page_size=size, page_token=token)
    return await who.stub.ListLedgerEntries(request, metadata=who.metadata)


async def test_anybody_can_check_the_chain(written: list[ledger_pb2.LedgerEntry]) -> None:
    assert len(written) == 9
    assert first_break(written) is None


@pytest.mark.parametrize("size", [1, 2, 3, 8, 9, 10])
async def test_pages_together_are_the_whole_ledger(
    alice: Person, written: list[ledger_pb2.LedgerEntry], size: int
) -> None:
    assert await rules.entries(alice, size) == written
    first = await page(alice, size=size)
    assert list(first.entries) == written[::-1][:size]
    assert bool(first.next_page_token) is (size < 9)


async def test_paging_stands_still_while_entries_are_added(
    alice: Person, written: list[ledger_pb2.LedgerEntry]
) -> None:
    first = await page(alice, size=4)
    await rules.switch(alice, enabled=False)
    rest = await page(alice, first.next_page_token)
    assert [*first.entries, *rest.entries] == written[::-1]


async def test_a_page_token_is_good_for_its_own_ledger(
    alice: Person, bob: Person, written: list[ledger_pb2.LedgerEntry]
) -> None:
    token = (await page(alice, size=2)).next_page_token
    of_a_list = (await alice.page(rpc.ListMeImagesRequest(page_size=1))).next_page_token
    for who, foreign in ((bob, token), (alice, token[:-1]), (alice, token.swapcase()), (alice, of_a_list or "x")):
        answer = await refused(page(who, foreign))
        assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")
    assert written


async def test_it_names_who_decided(alice: Person, mine: pb.MeImage, served: Served, issuer: Issuer) -> None:
    token = issuer.service("me_images.write", "me_images.on_behalf", name="profile-backend")
    backend = person(served.channel, token, alice.user_id)
    await rules.opt(alice, mine.me_image_id, enabled=True)
    await rules.opt(backend, mine.me_image_id, enabled=False)
    callers = [entry.caller for entry in await rules.entries(alice)]
    assert callers == [f"user:{alice.user_id}", "service:profile-backend"]


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE ledger SET kind = 'CONSENT_GIVEN' WHERE user_id = $1 AND sequence = 4",
        "UPDATE ledger SET caller = 'user:somebody' WHERE user_id = $1 AND sequence = 4",
        "UPDATE ledger SET at = at + interval '1 microsecond' WHERE user_id = $1 AND sequence = 4",
        "UPDATE ledger SET me_image_id = gen_random_uuid() WHERE user_id = $1 AND sequence = 4",
        "UPDATE ledger SET me_image_id = NULL WHERE user_id = $1 AND sequence = 4",
        "UPDATE ledger SET hash = sha256('x') WHERE user_id = $1 AND sequence = 4",
        "DELETE FROM ledger WHERE user_id = $1 AND sequence = 4",
    ],
)
async def test_a_forgery_shows(
    alice: Person, written: list[ledger_pb2.LedgerEntry], database: Connection, forgery: str
) -> None:
    tag = await database.execute(forgery, alice.user_id)
    assert tag.endswith(" 1")
    assert first_break(await rules.entries(alice)) == 4
    assert first_break(written) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET caller = 'user:somebody'",
        "UPDATE ledger SET hash = hash",
        "DELETE FROM ledger",
        "TRUNCATE ledger",
        "DROP TABLE ledger",
        "ALTER TABLE ledger DISABLE ROW LEVEL SECURITY",
        "GRANT DELETE ON ledger TO me_images_app; DELETE FROM ledger",
        "INSERT INTO ledger SELECT * FROM ledger ON CONFLICT (user_id, sequence) DO UPDATE SET caller = 'x'",
    ],
)
async def test_the_servers_role_cannot_change_it(
    alice: Person, written: list[ledger_pb2.LedgerEntry], database: Connection, statement: str
) -> None:
    async def tried() -> None:
        async with database.transaction():
            await database.execute(f"SET LOCAL ROLE {APPLICATION_ROLE}")
            await database.execute("SELECT set_config('app.user_id', $1, true)", alice.user_id)
            assert await database.fetchval("SELECT count(*) FROM ledger") == len(written)
            await database.execute(statement)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await tried()
    assert await rules.entries(alice) == written


async def test_times_never_go_back(written: list[ledger_pb2.LedgerEntry]) -> None:
    times = [entry.time.ToDatetime() for entry in written]
    assert times == sorted(times)
    assert times[-1] - times[0] < timedelta(minutes=5)
