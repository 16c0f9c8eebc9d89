"""ExportUser: an archive that a person can read, and check without us."""

import hashlib
import io
import json
import struct
import zipfile
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime

import asyncpg
import pytest
from meimage.v1 import admin_service_pb2 as admin
from meimage.v1 import ledger_pb2
from meimage.v1 import me_image_pb2 as pb

from service.domain.callers import UPKEEP
from service.domain.errors import UserErased
from service.domain.model import UserId
from service.rpc.budget import ByteBudget
from service.usecases.erase import erase_user
from service.usecases.export import Exported, export_user
from tests import pictures, rules
from tests.admins import Office, office
from tests.conftest import Served
from tests.faults.breaking import Breaking
from tests.people import Person, face, refused
from tests.releases import opted_in, studio
from tests.rpc.calls import said
from tests.stored import Stored
from tests.tokens import Issuer

Facts = dict[str, str]
TEXTS = {"README.txt", "me-images.json", "ledger.json", "ledger-verification.json"}


@pytest.fixture
def privacy(served: Served, issuer: Issuer) -> Office:
    return office(served, issuer)


@pytest.fixture
def photos() -> dict[str, bytes]:
    """Three photos, one of them larger than a block, by the names that they are uploaded under."""
    return {
        "me.png": pictures.png(),
        "large.jpg": pictures.noise_jpeg(1600, 1200),
        "Ünclaimed ../x.jpg": pictures.jpeg(40, 30),
    }


@pytest.fixture
async def mine(alice: Person, photos: dict[str, bytes], served: Served, issuer: Issuer) -> pb.MeImage:
    """One me-image released, one deleted, one photo unclaimed."""
    named = iter(photos.items())
    name, photo = next(named)
    new = opted_in(slots=(pb.SLOT_FACE_REF,))
    new.label, new.tags[:] = "Straße „daheim“", ["ä", "b"]
    made = (await alice.upload(photo, new, filename=name)).me_image
    name, photo = next(named)
    deleted = (await alice.upload(photo, face("gone"), filename=name)).me_image
    await rules.delete(alice, deleted.me_image_id)
    name, photo = next(named)
    await alice.upload(photo, filename=name)
    await studio(served, issuer).release(alice, made.me_image_id)
    return made


def opened(archive: bytes) -> dict[str, bytes]:
    """Return what an archive holds; fails where a checksum is wrong or a name leaves its folder."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        assert file.testzip() is None
        assert all(".." not in name and not name.startswith("/") and name.isascii() for name in file.namelist())
        assert len(set(file.namelist())) == len(file.namelist())
        return {name: file.read(name) for name in file.namelist()}


def first_break(ledger: dict[str, object]) -> int | None:
    """Verify the chain from the JSON alone, by the rule that stands in it."""
    previous = "00" * 32
    entries = ledger["entries"]
    assert isinstance(entries, list)
    for number, entry in enumerate(entries, start=1):
        at = datetime.fromisoformat(entry["time"])
        microseconds = int(at.timestamp()) * 1_000_000 + at.microsecond
        texts = [str(ledger["user_id"]), str(entry["sequence"]), entry["kind"], str(microseconds), entry["caller"]]
        texts.append(entry["me_image_id"])
        if "release" in entry:
            release = entry["release"]
            texts += [release["release_id"], release["generator"], release["purpose"]]
            for image in release["images"]:
                texts += [image["me_image_id"], image["rendition"], image["sha256"]]
        parts = [b"meimage/ledger/1", bytes.fromhex(entry["previous_hash"]), *(text.encode() for text in texts)]
        computed = hashlib.sha256(b"".join(struct.pack(">I", len(part)) + part for part in parts)).hexdigest()
        if (entry["sequence"], entry["previous_hash"], entry["hash"]) != (number, previous, computed):
            return number
        previous = entry["hash"]
    return None


async def test_every_photo_is_in_it_as_it_was_uploaded(
    alice: Person, mine: pb.MeImage, photos: dict[str, bytes], privacy: Office
) -> None:
    files = opened(await privacy.export(alice.user_id))
    pool = json.loads(files["me-images.json"])
    told = [each["photo"] for each in pool["me_images"]] + pool["photos_without_me_image"]
    assert {each["uploaded_as"]: files[each["file"]] for each in told} == photos
    assert {each["uploaded_as"]: each["sha256"] for each in told} == {
        name: hashlib.sha256(photo).hexdigest() for name, photo in photos.items()
    }
    assert set(files) == TEXTS | {each["file"] for each in told}
    assert mine.user_id == pool["user_id"] == alice.user_id


async def test_all_that_is_known_is_said_in_words(alice: Person, mine: pb.MeImage, privacy: Office) -> None:
    await rules.switch(alice, enabled=False)
    files = opened(await privacy.export(alice.user_id))
    pool = json.loads(files["me-images.json"])
    deleted, kept = pool["me_images"]
    assert (kept["me_image_id"], kept["label"], kept["tags"]) == (mine.me_image_id, mine.label, list(mine.tags))
    assert (kept["kind"], kept["ai_may_use_it"], kept["primary_slots"]) == ("FACE", True, ["FACE_REF"])
    assert (kept["is_deleted"], kept["deleted_at"], kept["shown_in_profile"]) == (False, None, True)
    assert (deleted["label"], deleted["is_deleted"]) == ("gone", True)
    assert datetime.fromisoformat(deleted["removed_for_good_at"]) > datetime.fromisoformat(deleted["deleted_at"])
    assert pool["ai_settings"]["ai_may_use_photos_that_are_opted_in"] is False
    assert all(name in files["README.txt"].decode() for name in TEXTS - {"README.txt"})


async def test_the_ledger_can_be_checked_from_the_archive_alone(
    alice: Person, mine: pb.MeImage, privacy: Office
) -> None:
    files = opened(await privacy.export(alice.user_id))
    ledger = json.loads(files["ledger.json"])
    entries = await rules.entries(alice)
    assert [entry["hash"] for entry in ledger["entries"]] == [entry.hash for entry in entries]
    *_, release, export = ledger["entries"]
    assert release["release"]["images"][0]["me_image_id"] == mine.me_image_id
    assert (export["kind"], export["me_image_id"]) == ("EXPORTED", "")
    assert first_break(ledger) is None
    verified = json.loads(files["ledger-verification.json"])
    assert (verified["is_intact"], verified["first_break"]) == (True, None)
    assert (verified["entries"], verified["newest_hash"]) == (len(entries), entries[-1].hash)


async def test_the_ledger_says_so_before_anything_leaves(alice: Person, mine: pb.MeImage, privacy: Office) -> None:
    before = await rules.entries(alice)
    for exports in (1, 2):
        call = privacy.stub.ExportUser(admin.ExportUserRequest(user_id=alice.user_id), metadata=privacy.metadata)
        await anext(aiter(call))
        call.cancel()
        since = (await rules.entries(alice))[len(before) :]
        assert [(each.kind, each.caller) for each in since] == [
            (ledger_pb2.LEDGER_KIND_EXPORTED, "service:privacy"),
        ] * exports
    assert (await privacy.verify(alice.user_id)).breaks == ()
    assert mine == await alice.get(mine.me_image_id), "an export changes nothing of a me-image, not even its etag"


async def test_a_ledger_that_is_not_intact_is_exported_and_says_so(
    alice: Person, mine: pb.MeImage, privacy: Office, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    entries = await rules.entries(alice)
    broken = "UPDATE ledger SET sealed_release = '\\x00' WHERE user_id = $1 AND sequence = $2"
    assert await database.execute(broken, mine.user_id, len(entries)) == "UPDATE 1"
    files = opened(await privacy.export(alice.user_id))
    assert json.loads(files["ledger.json"])["entries"][-2]["release"] == "cannot be read"
    verified = json.loads(files["ledger-verification.json"])
    assert (verified["is_intact"], verified["entries"]) == (False, len(entries) + 1)
    assert verified["first_break"] == {"sequence": len(entries), "flaw": "RELEASE"}
    await database.execute("DELETE FROM ledger WHERE user_id = $1", alice.user_id)


async def test_who_is_unknown_has_an_empty_archive(alice: Person, privacy: Office, stored: Stored) -> None:
    files = opened(await privacy.export(alice.user_id))
    assert set(files) == TEXTS
    assert json.loads(files["me-images.json"])["me_images"] == []
    assert json.loads(files["ledger.json"])["entries"] == []
    assert await stored.rows(alice.user_id) == {}


async def test_who_is_erased_cannot_be_exported(alice: Person, mine: pb.MeImage, privacy: Office) -> None:
    await privacy.erase(mine.user_id)
    request = admin.ExportUserRequest(user_id=alice.user_id)
    answer = await refused(privacy.stub.ExportUser(request, metadata=privacy.metadata))
    assert said(answer) == ("FAILED_PRECONDITION", "USER_ERASED")


async def test_who_is_erased_meanwhile_leaves_no_further_photo(mine: pb.MeImage, served: Served) -> None:
    world, user_id = served.built.world, UserId(mine.user_id)
    sent = b""

    async def exported() -> None:
        nonlocal sent
        async with aclosing(export_user(world, UPKEEP, user_id, ByteBudget(1 << 24, 0).hold)) as parts:
            async for part in parts:
                if not sent:
                    await erase_user(world, UPKEEP, user_id)
                assert isinstance(part, bytes)
                sent += part

    with pytest.raises(UserErased):
        await exported()
    assert sent.count(b"PK\x03\x04") <= 3, "the README, the first photo, and the one that was in hand"


async def test_one_photo_at_a_time_is_in_memory(mine: pb.MeImage, served: Served) -> None:
    """The budget has room for the largest photo alone, and nothing is fetched without its place."""
    world, user_id = served.built.world, UserId(mine.user_id)
    media = await world.store.media_of_user(user_id)
    budget = ByteBudget(max(each.size_bytes for each in media), 0)
    held = 0

    class Counting(Breaking):
        """A bucket that is asked only by who has a place."""

        async def get(self, key: str) -> bytes:
            """See ObjectStore."""
            assert budget._free < budget._total
            nonlocal held
            held += 1
            return await super().get(key)

    counting = replace(world, objects=Counting(world.objects))
    parts = [part async for part in export_user(counting, UPKEEP, user_id, budget.hold)]
    assert isinstance(parts[-1], Exported)
    assert held == len(media) == 3
    assert budget._free == budget._total


async def test_a_photo_that_is_removed_meanwhile_is_left_out(mine: pb.MeImage, served: Served, stored: Stored) -> None:
    world, user_id = served.built.world, UserId(mine.user_id)
    media = await world.store.media_of_user(user_id)
    gone = media[0].media_id

    class Sweeping(Breaking):
        """A bucket from which a photo goes with its row while it is asked for."""

        async def get(self, key: str) -> bytes:
            """See ObjectStore."""
            if str(gone) in key:
                await self.whole.remove([key])
                await stored.database.execute(
                    "UPDATE media SET state = 'condemned', idle_since = now() WHERE media_id = $1", gone
                )
            return await super().get(key)

    sweeping = replace(world, objects=Sweeping(world.objects))
    parts = [part async for part in export_user(sweeping, UPKEEP, user_id, ByteBudget(1 << 24, 0).hold)]
    files = opened(b"".join(part for part in parts if isinstance(part, bytes)))
    photos = [each["photo"] for each in json.loads(files["me-images.json"])["me_images"]]
    assert [each["file"] for each in photos if each["media_id"] == str(gone)] == [None]
    assert len(files) == len(TEXTS) + len(media) - 1
