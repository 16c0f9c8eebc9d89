"""`upkeep --audit`: it finds what was planted, both ways, and nothing else; and it changes nothing."""

import io
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.adapters import inventory as bucket
from service.adapters.inventory import S3Inventory
from service.adapters.postgres import named_objects
from service.adapters.postgres.named_objects import NamedObjects
from service.commands.audit import audit as command
from service.config import Settings
from service.domain.erasure import erasure_key
from service.domain.model import UserId
from service.domain.objects import PREFIX
from service.ports.audit import HeldObject
from service.settled import bucket_address
from service.usecases.audit import Fault, Finding, audit
from tests import pictures
from tests.admins import office
from tests.clocks import SetClock
from tests.conftest import Serve
from tests.dev_process import ended, service
from tests.own_place import Place, own_place
from tests.people import face, new_user_id, person
from tests.releases import opted_in, studio
from tests.serve_process import variables
from tests.tokens import Issuer

GRACE = timedelta(hours=1)


@pytest.fixture
async def place(settings: Settings, serve: Serve, issuer: Issuer) -> AsyncIterator[Place]:
    """A place with what people have: media in use, idle and condemned, renditions, and people who were erased."""
    async with own_place(settings) as own:
        await _lived_in(own, serve, issuer)
        yield own


async def _lived_in(own: Place, serve: Serve, issuer: Issuer) -> None:
    async with own.serving(serve) as served:
        for number in range(3):
            user_id = new_user_id()
            who = person(served.channel, issuer.user(user_id), user_id)
            made = (await who.upload(pictures.jpeg(60 + number, 50), opted_in())).me_image
            await studio(served, issuer).release(who, made.me_image_id)
            await who.upload(pictures.png(), face())
            await who.upload(pictures.jpeg(70, 40))
        await served.built.chores.done()
        await office(served, issuer).erase(user_id)
        await office(served, issuer).erase(new_user_id())


async def findings(place: Place, after: timedelta = 2 * GRACE) -> set[Finding]:
    """Audit as if so much time had passed."""
    settings = place.settings
    async with (
        S3Inventory.connect(bucket_address(settings), connections=2) as inventory,
        NamedObjects.held(settings.database_url.get_secret_value()) as rows,
    ):
        steps = [step async for step in audit(rows, inventory, SetClock.ahead(after), GRACE)]
        assert steps[-1].named == rows.total
    found = [finding for step in steps for finding in step.findings]
    assert len(set(found)) == len(found)
    return set(found)


async def put(place: Place, key: str) -> None:
    place.stored.client.put_object(place.stored.bucket, key, io.BytesIO(b"sealed"), 6)


async def everything(place: Place) -> tuple[set[str], set[str], list[str]]:
    """What a change would show in."""
    rows = [
        str(row)
        for table in ("users", "media", "renditions", "me_images", "ledger", "events")
        for row in await place.stored.database.fetch(f"SELECT * FROM {table} ORDER BY 1, 2")  # noqa: S608
    ]
    return place.stored.keys(), place.stored.keys("erasures/"), rows


async def test_a_whole_place_has_nothing_to_tell(place: Place) -> None:
    assert len(place.stored.keys()) > 12
    assert len(place.stored.keys("erasures/")) == 2
    assert await findings(place) == set()


async def test_it_finds_what_was_planted_and_nothing_else(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Across pages, at both ends, within a media that is there, and under names that are none of ours."""
    monkeypatch.setattr(bucket, "PAGE", 4)
    monkeypatch.setattr(named_objects, "PAGE", 3)
    monkeypatch.setattr("service.usecases.audit.STEP", 2)
    database = place.stored.database
    ready = await database.fetch("SELECT user_id, media_id FROM media WHERE state = 'ready' ORDER BY media_id")
    made = await database.fetchrow(
        "SELECT user_id, media_id, variant FROM renditions r JOIN media m USING (user_id, media_id)"
        " WHERE variant LIKE 'png-1024/%' AND r.state = 'ready' AND m.state = 'ready'"
    )
    assert made is not None
    gone = [(f"{PREFIX}{row['media_id']}/original", row["user_id"]) for row in (ready[0], ready[-1])]
    gone.append((f"{PREFIX}{made['media_id']}/{made['variant']}", made["user_id"]))
    for key, _ in gone:
        place.stored.client.remove_object(place.stored.bucket, key)
    orphans = [
        f"{PREFIX}00000000-0000-4000-8000-000000000000/original",
        f"{PREFIX}{uuid.uuid4()}/webp-320",
        f"{PREFIX}ffffffff-ffff-4fff-bfff-ffffffffffff/original",
        f"{PREFIX}{ready[1]['media_id']}/png-1024/{uuid.uuid4()}",
        f"{PREFIX}{ready[1]['media_id']}/png-1024-other",
        f"{PREFIX}stray",
        f"{PREFIX}someone/else/put/this",
    ]
    for key in orphans:
        await put(place, key)
    before = await everything(place)
    assert await findings(place) == {
        *(Finding(Fault.MISSING_OBJECT, key, user_id) for key, user_id in gone),
        *(Finding(Fault.UNNAMED_OBJECT, key, None) for key in orphans),
    }
    assert await everything(place) == before


async def test_what_is_young_may_be_of_an_upload_under_way(place: Place) -> None:
    await put(place, f"{PREFIX}{uuid.uuid4()}/original")
    assert await findings(place, timedelta(minutes=59)) == set()
    assert len(await findings(place, timedelta(minutes=61))) == 1


async def test_rows_of_media_that_are_not_ready_name_objects_that_may_be_there_or_not(place: Place) -> None:
    database = place.stored.database
    rows = await database.fetch("SELECT user_id, media_id FROM media WHERE state = 'ready' AND idle_since IS NOT NULL")
    assert len(rows) >= 2
    for row, state in zip(rows, ("pending", "condemned"), strict=False):
        await database.execute("UPDATE media SET state = $2 WHERE media_id = $1", row["media_id"], state)
        place.stored.client.remove_object(place.stored.bucket, f"{PREFIX}{row['media_id']}/original")
    assert await findings(place) == set()


async def test_what_goes_while_it_looks_is_no_finding(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the rows and the bucket, upkeep removes a media; and a row comes whose object was there first."""
    database = place.stored.database
    row = await database.fetchrow(
        "SELECT user_id, media_id FROM media WHERE state = 'ready' AND idle_since IS NOT NULL"
    )
    assert row is not None
    late = uuid.uuid4()
    listing = S3Inventory.listing

    async def meanwhile() -> None:
        monkeypatch.undo()
        for key in place.stored.keys(f"{PREFIX}{row['media_id']}/"):
            place.stored.client.remove_object(place.stored.bucket, key)
        for statement in ("DELETE FROM renditions WHERE media_id = $1", "DELETE FROM media WHERE media_id = $1"):
            await database.execute(statement, row["media_id"])
        copied = "media_id, state, content_digest, content_type, size_bytes, width, height, sealed_facts, created_at"
        await database.execute(
            f"INSERT INTO media (user_id, {copied}, idle_since) SELECT user_id, $1, 'pending', 'other', content_type,"  # noqa: S608
            " size_bytes, width, height, sealed_facts, created_at, now() FROM media LIMIT 1",
            late,
        )
        await put(place, f"{PREFIX}{late}/original")

    async def slow(self: S3Inventory, prefix: str) -> AsyncIterator[HeldObject]:
        await meanwhile()
        async for each in listing(self, prefix):
            yield each

    monkeypatch.setattr(S3Inventory, "listing", slow)
    assert await findings(place) == set()


async def test_certificates_and_tombstones_belong_together(place: Place) -> None:
    restored = UserId("somebody whom a backup has brought back")
    await put(place, erasure_key(restored))
    erased = await place.stored.database.fetch("SELECT user_id FROM users WHERE erased_at IS NOT NULL")
    lost = UserId(erased[0]["user_id"])
    place.stored.client.remove_object(place.stored.bucket, erasure_key(lost))
    not_filed = "UPDATE users SET certificate_filed_at = NULL WHERE user_id = $1"
    assert await findings(place) == {
        Finding(Fault.UNNAMED_CERTIFICATE, erasure_key(restored), None),
        Finding(Fault.MISSING_CERTIFICATE, erasure_key(lost), lost),
    }
    await place.stored.database.execute(not_filed, lost)
    assert await findings(place) == {Finding(Fault.UNNAMED_CERTIFICATE, erasure_key(restored), None)}


async def test_the_command(place: Place, tmp_path: Path) -> None:
    own = variables(place.settings)
    status, out, err = await ended(await service("upkeep", "--audit", folder=tmp_path, **own))
    assert (status, err) == (0, "")
    held = len(place.stored.keys()) + len(place.stored.keys("erasures/"))
    assert out.startswith(f"compared {held} objects with {held} that rows name: nothing is wrong\n"), out

    row = await place.stored.database.fetchrow("SELECT user_id, media_id FROM media WHERE state = 'ready'")
    assert row is not None
    key = f"{PREFIX}{row['media_id']}/original"
    place.stored.client.remove_object(place.stored.bucket, key)
    await put(place, f"{PREFIX}stray")
    own["ME_IMAGES_PENDING_MEDIA_MINUTES"] = "0.00001"
    status, out, err = await ended(await service("upkeep", "--audit", folder=tmp_path, **own))
    assert (status, err) == (1, "")
    lines = out.splitlines()
    assert f"missing object of a row: {key}" in lines
    assert f"no row names this object: {PREFIX}stray" in lines
    assert "Restore these objects from a copy of the bucket" in out
    assert row["user_id"] not in out, "what is no terminal may be a log"


async def test_whose_it_is_is_said_on_a_terminal(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await place.stored.database.fetchrow("SELECT user_id, media_id FROM media WHERE state = 'ready'")
    assert row is not None
    key = f"{PREFIX}{row['media_id']}/original"
    place.stored.client.remove_object(place.stored.bucket, key)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert await command(place.settings) == 1
    assert f"missing object of a row: {key} of user {row['user_id']}\n" in capsys.readouterr().out
