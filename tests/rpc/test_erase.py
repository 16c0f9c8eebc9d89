"""EraseUser: nothing of the person can be read, released or added any more, and a signed certificate says so."""

import base64
import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from meimage.v1 import admin_service_pb2 as admin
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import reference_service_pb2 as rpc

from service.adapters.postgres.database import APPLICATION_ROLE
from service.domain.erasure import erasure_key
from service.domain.model import UserId
from service.rpc.methods import ADMIN_SERVICE, REFERENCE_SERVICE
from tests import pictures, rules
from tests.admins import Office, office
from tests.conftest import Serve, Served
from tests.people import Person, bearer, new_user_id, refused
from tests.releases import opted_in, studio
from tests.rpc import test_admin_admission, test_reference_admission
from tests.rpc.calls import METHODS, Target, said
from tests.stored import Stored
from tests.sweeping import swept
from tests.tokens import Issuer

ERASED = ("FAILED_PRECONDITION", "USER_ERASED")


@pytest.fixture
def privacy(served: Served, issuer: Issuer) -> Office:
    return office(served, issuer)


@pytest.fixture
async def mine(alice: Person, served: Served, issuer: Issuer, request_id: str) -> pb.MeImage:
    """Something in every table: a me-image that was released, one that is deleted, and a photo nobody claimed."""
    in_use = opted_in(slots=(pb.SLOT_AVATAR,))
    made = (await alice.upload(pictures.png(), in_use, request_id=request_id)).me_image
    deleted = (await alice.upload(pictures.jpeg(40, 30), opted_in())).me_image
    await rules.delete(alice, deleted.me_image_id)
    await alice.upload(pictures.jpeg(30, 40))
    await studio(served, issuer).release(alice, made.me_image_id)
    await served.built.chores.done()
    return made


async def test_everything_goes_but_the_tombstone(
    alice: Person, mine: pb.MeImage, privacy: Office, served: Served, stored: Stored
) -> None:
    keys = await stored.keys_of(alice.user_id)
    assert len(keys) >= 7
    await privacy.erase(alice.user_id)
    rows = await stored.rows(alice.user_id)
    assert rows.keys() == {"users", "media", "renditions", "events"}
    assert (rows["users"], rows["events"]) == (1, 1)
    assert set(await stored.media_states(alice.user_id)) == {"condemned"}
    assert (await privacy.status()).backlog.erased_with_media >= 1
    await swept(served)
    assert await stored.rows(alice.user_id) == {"users": 1, "events": 1}
    assert not keys & stored.keys()
    assert mine.user_id == alice.user_id


async def test_the_certificate_says_what_was_destroyed_and_anybody_can_check_it(
    alice: Person, mine: pb.MeImage, privacy: Office, stored: Stored
) -> None:
    (*_, newest) = entries = await rules.entries(alice)
    certificate = await privacy.erase(alice.user_id)
    key = serialization.load_pem_public_key(certificate.public_key.encode())
    assert isinstance(key, Ed25519PublicKey)
    key.verify(base64.b64decode(certificate.signature), certificate.document.encode())
    told = json.loads(certificate.document)
    assert told["user_id"] == mine.user_id
    assert told["erased_by"] == "service:privacy"
    assert abs(datetime.now(UTC) - datetime.fromisoformat(told["erased_at"])) < timedelta(minutes=1)
    assert "destroyed" in told["statement"]
    assert told["destroyed"] == {
        "me_images": 2,
        "media": 3,
        "ledger_entries": len(entries),
        "ledger_head": newest.hash,
        "key_epoch": 1,
    }
    filed = stored.client.get_object(stored.bucket, erasure_key(UserId(alice.user_id)))
    try:
        assert json.loads(filed.read()) == {
            "document": certificate.document,
            "signature": certificate.signature,
            "public_key": certificate.public_key,
        }
    finally:
        filed.close()
        filed.release_conn()


async def test_again_it_is_the_same_certificate(
    alice: Person, mine: pb.MeImage, privacy: Office, stored: Stored
) -> None:
    first = await privacy.erase(mine.user_id)
    before = await stored.rows(alice.user_id)
    assert await privacy.erase(alice.user_id) == first
    assert await stored.rows(alice.user_id) == before


async def test_every_call_that_names_the_person_is_refused(
    alice: Person, mine: pb.MeImage, privacy: Office, served: Served, issuer: Issuer, stored: Stored
) -> None:
    await privacy.erase(alice.user_id)
    before = await stored.rows(alice.user_id)
    target = Target(alice.user_id, mine.me_image_id, mine.media.media_id)
    for method in METHODS:
        assert (method, said(await refused(METHODS[method](alice, target)))) == (method, ERASED)
    release = bearer(issuer.service("me_images.release", "me_images.on_behalf"))
    for method in test_reference_admission.METHODS.keys() - {"ListGenerators"}:
        call = test_reference_admission.METHODS[method](served, release, alice.user_id, mine.me_image_id)
        assert (f"{REFERENCE_SERVICE}/{method}", said(await refused(call))) == (f"{REFERENCE_SERVICE}/{method}", ERASED)
    for method in test_admin_admission.METHODS.keys() - {"GetStatus", "EraseUser"}:
        call = test_admin_admission.METHODS[method](served, privacy.metadata, alice.user_id)
        assert (f"{ADMIN_SERVICE}/{method}", said(await refused(call))) == (f"{ADMIN_SERVICE}/{method}", ERASED)
    validation = rpc.ReleaseReferencesRequest(user_id=alice.user_id, slots=[pb.SLOT_AVATAR], validate_only=True)
    assert said(await refused(studio(served, issuer).messages(validation))) == ERASED
    assert await stored.rows(alice.user_id) == before


async def test_who_is_unknown_is_erased_too(alice: Person, privacy: Office, stored: Stored) -> None:
    told = json.loads((await privacy.erase(alice.user_id)).document)
    assert told["destroyed"]["key_epoch"] is None
    assert "nothing of this person was stored" in told["statement"]
    assert said(await refused(alice.send([]))) != ERASED, "without a header nobody is named"
    assert said(await refused(METHODS["UploadMeImage"](alice, Target.absent(alice.user_id)))) == ERASED
    assert await stored.rows(alice.user_id) == {"users": 1, "events": 1}


async def test_without_a_signing_key_nobody_is_erased(
    alice: Person, mine: pb.MeImage, serve: Serve, issuer: Issuer, privacy: Office, stored: Stored
) -> None:
    before = await stored.rows(alice.user_id)
    async with serve(signing_key_file=None) as keyless:
        unable = office(keyless, issuer)
        request = admin.EraseUserRequest(user_id=alice.user_id)
        answer = await refused(unable.stub.EraseUser(request, metadata=unable.metadata))
        assert said(answer) == ("FAILED_PRECONDITION", "NO_SIGNING_KEY")
        assert await stored.rows(alice.user_id) == before
        assert await alice.get(mine.me_image_id) == mine
        certificate = await privacy.erase(alice.user_id)
        assert await unable.erase(alice.user_id) == certificate


async def test_others_are_told_and_what_was_told_before_is_not_told_again(
    alice: Person, mine: pb.MeImage, privacy: Office, served: Served
) -> None:
    store = served.built.store
    before = await store.newest_position()
    await privacy.erase(alice.user_id)
    told = [event for _, event in (await store.events_of_all(before, 200)).events if event.user_id == alice.user_id]
    assert [type(event.fact).__name__ for event in told] == ["UserErased"]
    assert (told[0].caller, told[0].me_image_id) == ("service:privacy", None)
    assert mine.user_id == alice.user_id


async def test_the_servers_role_removes_no_ledger_but_of_the_erased(
    alice: Person, bob: Person, mine: pb.MeImage, privacy: Office, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await rules.switch(bob, enabled=False)
    tombstone = "UPDATE users SET wrapped_key = NULL, erased_at = now(), certificate = '' WHERE user_id = $1"
    for erased, visible in ((mine.user_id, mine.user_id), (bob.user_id, mine.user_id), (bob.user_id, "")):
        async with database.transaction():
            await database.execute(f"SET LOCAL ROLE {APPLICATION_ROLE}")
            await database.execute("SELECT set_config('app.user_id', $1, true)", visible)
            assert await database.fetchval("SELECT forget_ledger($1)", erased) == 0
    assert len(await rules.entries(alice)) == 4
    assert len(await rules.entries(bob)) == 1
    transaction = database.transaction()
    await transaction.start()
    await database.execute(tombstone, bob.user_id)
    await database.execute(f"SET LOCAL ROLE {APPLICATION_ROLE}")
    await database.execute("SELECT set_config('app.user_id', $1, true)", alice.user_id)
    assert await database.fetchval("SELECT forget_ledger($1)", bob.user_id) == 0
    await database.execute("SELECT set_config('app.user_id', $1, true)", bob.user_id)
    assert await database.fetchval("SELECT forget_ledger($1)", bob.user_id) == 1
    await transaction.rollback()
    assert len(await rules.entries(bob)) == 1
    await privacy.erase(bob.user_id)


async def test_a_tombstone_and_a_key_exclude_each_other(
    alice: Person, mine: pb.MeImage, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for change in ("wrapped_key = NULL", "erased_at = now(), certificate = ''", "certificate = ''"):
        with pytest.raises(asyncpg.CheckViolationError):
            await database.execute(f"UPDATE users SET {change} WHERE user_id = $1", alice.user_id)  # noqa: S608
    assert await alice.get(mine.me_image_id) == mine


async def test_an_erased_user_never_comes_back(alice: Person, privacy: Office, served: Served) -> None:
    other = new_user_id()
    await privacy.erase(alice.user_id)
    await swept(served, timedelta(days=3650))
    assert said(await refused(METHODS["UploadMeImage"](alice, Target.absent(alice.user_id)))) == ERASED
    assert other != alice.user_id
