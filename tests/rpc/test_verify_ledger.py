"""VerifyLedger: what was changed past the service is found and named, in one ledger or among all."""

from typing import TypeAlias

import asyncpg
import pytest
from meimage.v1 import me_image_pb2 as pb

from service.usecases import verify
from tests import pictures, rules
from tests.admins import Office, office
from tests.conftest import Served
from tests.people import Person, new_user_id
from tests.releases import opted_in, studio
from tests.tokens import Issuer

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
def privacy(served: Served, issuer: Issuer) -> Office:
    return office(served, issuer)


@pytest.fixture
async def written(alice: Person, served: Served, issuer: Issuer) -> pb.MeImage:
    """A ledger of six entries; the third is a release."""
    mine = (await alice.upload(pictures.png(), opted_in())).me_image
    await rules.switch(alice, enabled=False)
    await rules.switch(alice, enabled=True)
    await studio(served, issuer).release(alice, mine.me_image_id)
    await rules.opt(alice, mine.me_image_id, enabled=False)
    await rules.opt(alice, mine.me_image_id, enabled=True)
    return mine


async def test_a_ledger_that_nobody_touched_is_intact(privacy: Office, alice: Person, written: pb.MeImage) -> None:
    found = await privacy.verify(alice.user_id)
    assert found.breaks == ()
    assert (found.end.users, found.end.entries, found.end.broken) == (1, 6, 0)
    assert written.usage.ai_reference


async def test_who_has_no_ledger_has_nothing_to_verify(privacy: Office) -> None:
    found = await privacy.verify(new_user_id())
    assert (found.end.users, found.end.entries, found.breaks) == (0, 0, ())


@pytest.mark.parametrize(
    ("forgery", "sequence", "flaw"),
    [
        ("UPDATE ledger SET kind = 'REFERENCES_RESUMED' WHERE user_id = $1 AND sequence = 2", 2, "HASH"),
        ("UPDATE ledger SET caller = 'user:me' WHERE user_id = $1 AND sequence = 6", 6, "HASH"),
        ("UPDATE ledger SET at = at + interval '1 microsecond' WHERE user_id = $1 AND sequence = 1", 1, "HASH"),
        ("UPDATE ledger SET hash = sha256('x') WHERE user_id = $1 AND sequence = 3", 3, "HASH"),
        ("UPDATE ledger SET previous_hash = sha256('x') WHERE user_id = $1 AND sequence = 3", 3, "CHAIN"),
        ("DELETE FROM ledger WHERE user_id = $1 AND sequence = 1", 2, "GAP"),
        ("DELETE FROM ledger WHERE user_id = $1 AND sequence = 4", 5, "GAP"),
        ("UPDATE ledger SET generator = 'another/model' WHERE user_id = $1 AND sequence = 4", 4, "RELEASE"),
        ("UPDATE ledger SET released = '{}' WHERE user_id = $1 AND sequence = 4", 4, "RELEASE"),
        (
            "UPDATE ledger SET sealed_release = set_byte(sealed_release, 80, 255 - get_byte(sealed_release, 80))"
            " WHERE user_id = $1 AND sequence = 4",
            4,
            "RELEASE",
        ),
        ("UPDATE ledger SET sealed_release = '\\x00' WHERE user_id = $1 AND sequence = 4", 4, "RELEASE"),
    ],
)
async def test_a_forgery_is_found_and_named(
    privacy: Office,
    alice: Person,
    written: pb.MeImage,
    database: Connection,
    monkeypatch: pytest.MonkeyPatch,
    forgery: str,
    sequence: int,
    flaw: str,
) -> None:
    """Whether the pages are long or end everywhere, whether one ledger is looked at or all."""
    assert (await database.execute(forgery, alice.user_id)).endswith(" 1")
    expected = (alice.user_id, sequence, flaw)
    try:
        for page in (verify.PAGE, 1, 2):
            monkeypatch.setattr(verify, "PAGE", page)
            found = await privacy.verify(alice.user_id)
            assert found.breaks == (expected,)
            assert (found.end.users, found.end.broken) == (1, 1)
        monkeypatch.setattr(verify, "PAGE", 3)
        assert expected in (await privacy.verify()).breaks
    finally:
        await database.execute("DELETE FROM ledger WHERE user_id = $1", alice.user_id)
    assert written.me_image_id


async def test_all_ledgers_are_looked_at(
    privacy: Office, bob: Person, written: pb.MeImage, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rules.switch(bob, enabled=False)
    row = await database.fetchrow("SELECT count(*) AS entries, count(DISTINCT user_id) AS users FROM ledger")
    assert row is not None
    monkeypatch.setattr(verify, "PAGE", 7)
    found = await privacy.verify()
    behind = "SELECT count(*) FROM ledger WHERE user_id = $1 AND sequence > $2"
    unseen = [await database.fetchval(behind, user_id, sequence) for user_id, sequence, _ in found.breaks]
    assert (found.end.users, found.end.entries) == (row["users"], row["entries"] - sum(unseen))
    assert found.end.broken == len(found.breaks)
    assert not {written.user_id, bob.user_id} & {user_id for user_id, _, _ in found.breaks}
