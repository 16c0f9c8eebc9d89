"""`doctor` about the database and the bucket: each way to be broken, with its remedy."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from service.adapters.postgres.migrate import migrations
from service.commands.checks.findings import Finding, Level
from service.config import Settings
from tests.doctoring import as_login, bad, changed, findings, installed, the_one
from tests.own_database import empty_database
from tests.own_place import Place
from tests.proxy import Tap, wire_to

CANARY = "canary4711"


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Place]:
    async with installed(settings) as own:
        yield own


@pytest.mark.parametrize(("login", "what"), [("postgres", "as a superuser is"), ("me_images", "owns tables")])
async def test_a_login_that_is_above_the_rules(place: Place, login: str, what: str) -> None:
    settings = changed(place, database_url=as_login(place, login))
    await the_one(settings, Level.WARNING, what, "deploy/postgres/roles.sql")


async def test_a_login_without_the_role(place: Place) -> None:
    login = urlsplit(place.settings.database_url.get_secret_value()).username
    await place.stored.database.execute(f"REVOKE me_images_app FROM {login}")
    found = await bad(place.settings)
    assert [each.remedy for each in found if "may not take the role" in each.what] == [
        f'GRANT me_images_app TO "{login}" WITH SET TRUE, INHERIT FALSE;'
    ]


@pytest.mark.parametrize(
    ("url", "what", "remedy"),
    [
        ("postgresql://127.0.0.1:1/none", "does not answer", "host and port"),
        (f"nonsense://{CANARY}", "no address of a database", "postgresql://user:password@host"),
    ],
)
async def test_a_database_that_cannot_be_reached(place: Place, url: str, what: str, remedy: str) -> None:
    await the_one(changed(place, database_url=SecretStr(url)), Level.PROBLEM, what, remedy)


async def test_a_database_that_refuses(place: Place) -> None:
    url = urlsplit(place.settings.database_url.get_secret_value())
    nowhere = SecretStr(url._replace(path="/nowhere").geturl())
    await the_one(changed(place, database_url=nowhere), Level.PROBLEM, "no database of that name", "Create it")
    nobody = changed(place, database_url=as_login(place, "nobody"))
    await the_one(nobody, Level.PROBLEM, "refuses the login", "user and password")


async def test_a_database_that_was_never_migrated(place: Place) -> None:
    async with empty_database(place.settings.model_copy(update={"database_url": as_login(place, "postgres")})) as url:
        found = await bad(changed(place, database_url=SecretStr(url)))
    assert [each for each in found if "no schema" in each.what and "python -m service migrate" in each.remedy]


@pytest.mark.parametrize(("step", "remedy"), [(-1, "python -m service migrate"), (1, "a newer one")])
async def test_a_schema_of_another_version(place: Place, step: int, remedy: str) -> None:
    newest = len(migrations())
    if step > 0:
        await place.stored.database.execute("INSERT INTO schema_migrations VALUES ($1, 'of later')", newest + 1)
    else:
        await place.stored.database.execute("DELETE FROM schema_migrations WHERE version = $1", newest)
    await the_one(place.settings, Level.PROBLEM, f"the schema is version {newest + step}", remedy)


async def test_a_table_without_its_rules(place: Place) -> None:
    await place.stored.database.execute("ALTER TABLE ledger DISABLE ROW LEVEL SECURITY")
    await the_one(
        place.settings, Level.PROBLEM, "off for ledger", "ALTER TABLE ledger ENABLE ROW LEVEL SECURITY; as the owner"
    )


async def test_clocks_that_differ(place: Place) -> None:
    for seconds, level in ((15, Level.WARNING), (-15, Level.WARNING), (60, Level.PROBLEM)):
        found = await bad(place.settings, timedelta(seconds=seconds))
        assert [each.level for each in found] == [level, level]
        assert all("NTP" in each.remedy for each in found)
        side = "ahead of" if seconds > 0 else "behind"
        for each, whose in zip(found, ("the database", "the object store"), strict=True):
            said = re.fullmatch(rf"our clock is (\d+) s {side} that of {whose}", each.what)
            assert said is not None, each.what
            assert int(said[1]) == pytest.approx(abs(seconds), abs=2)


async def test_there_is_no_bucket(place: Place) -> None:
    settings = changed(place, s3_bucket="nowhere")
    found = await bad(settings)
    assert [each.remedy.startswith("Run `python -m service migrate`") for each in found if "no bucket" in each.what]


@pytest.mark.parametrize(
    ("secret", "words"), [("s3_access_key", "InvalidAccessKeyId"), ("s3_secret_key", "SignatureDoesNotMatch")]
)
async def test_credentials_that_are_not_the_stores(place: Place, secret: str, words: str) -> None:
    (found,) = [each for each in await bad(changed(place, **{secret: SecretStr(CANARY)})) if "let us" in each.what]
    assert (words in found.what, "ME_IMAGES_S3_SECRET_KEY" in found.remedy) == (True, True), found
    assert CANARY not in found.what + found.remedy


class Refusing(Tap):
    """A store that has one verb less."""

    def __init__(self, verb: bytes) -> None:
        self._verb = verb

    async def asked(self, data: bytes) -> None:
        if data.startswith(self._verb):
            raise EOFError


@pytest.mark.parametrize(
    ("verb", "what", "permission"),
    [(b"PUT ", "put objects", "s3:PutObject"), (b"POST ", "remove objects", "s3:DeleteObject")],
)
async def test_what_is_not_allowed_in_the_bucket(place: Place, verb: bytes, what: str, permission: str) -> None:
    host, _, port = place.settings.s3_endpoint.rpartition(":")
    async with wire_to((host, int(port)), lambda: Refusing(verb)) as wire:
        (found,) = await bad(changed(place, s3_endpoint=wire.endpoint))
    assert (found.level, what in found.what, permission in found.remedy) == (Level.PROBLEM, True, True)


async def test_a_bucket_that_strangers_can_read(place: Place) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{place.stored.bucket}/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await asyncio.to_thread(place.stored.client.set_bucket_policy, place.stored.bucket, policy)
    await the_one(place.settings, Level.PROBLEM, "read without credentials", "public policy")


async def test_the_probe_goes_though_the_doctor_is_cut_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut_off(*_: object) -> list[Finding]:
        assert any(key.endswith("/doctor") for key in iter(place.stored.keys()))
        raise asyncio.CancelledError

    monkeypatch.setattr("service.commands.checks.bucket._used", cut_off)
    with pytest.raises(asyncio.CancelledError):
        await findings(place.settings)
    assert not place.stored.keys()
