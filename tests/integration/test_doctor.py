"""`doctor`: a healthy installation is well in every line, and each broken part is named with its remedy."""

import asyncio
import json
import re
import stat
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from service.adapters.keks import write_first_kek
from service.adapters.new_kek import add_kek
from service.adapters.postgres import standing
from service.adapters.postgres.migrate import migrations
from service.adapters.system import RandomIds
from service.commands import doctor
from service.commands.checks.findings import Finding, Level, problem
from service.config import Settings
from service.domain.erasure import erasure_key
from service.domain.model import UserId
from tests import pictures
from tests.admins import office
from tests.certificates import Authority, Files
from tests.clocks import SetClock
from tests.conftest import Serve
from tests.dev_process import ended, service
from tests.own_database import empty_database
from tests.own_place import Place, own_place
from tests.people import face, new_user_id, person
from tests.proxy import Tap, wire_to
from tests.serve_process import variables
from tests.tokens import Issuer

CANARY = "canary4711"


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Place]:
    """A place whose login has the rights of a server and no more."""
    async with own_place(settings) as own:
        url = urlsplit(own.settings.database_url.get_secret_value())
        login = f"doctor_{uuid.uuid4().hex}"
        await own.stored.database.execute(f"CREATE ROLE {login} LOGIN")
        await own.stored.database.execute(f"GRANT me_images_app TO {login} WITH SET TRUE, INHERIT FALSE")
        netloc = url.netloc.replace(str(url.username), login, 1)
        narrow = {"database_url": SecretStr(url._replace(netloc=netloc).geturl())}
        yield Place(own.settings.model_copy(update=narrow), own.stored)
        await own.stored.database.execute(f"DROP ROLE {login}")


def write(path: Path, text: str) -> None:
    path.write_text(text)


async def findings(settings: Settings, ahead: timedelta = timedelta()) -> list[Finding]:
    """What the doctor finds when our clock is so far ahead."""
    return [each async for found in doctor.examined(settings, SetClock.ahead(ahead), RandomIds()) for each in found]


async def bad(settings: Settings, ahead: timedelta = timedelta()) -> list[Finding]:
    """What is not well; each with its remedy."""
    found = [each for each in await findings(settings, ahead) if each.level in {Level.WARNING, Level.PROBLEM}]
    assert all(each.remedy for each in found)
    return found


async def the_one(settings: Settings, level: Level, what: str, remedy: str, ahead: timedelta = timedelta()) -> None:
    """One thing is not well, and this is what is said of it."""
    (found,) = await bad(settings, ahead)
    assert (found.level, what in found.what, remedy in found.remedy) == (level, True, True), found


def changed(place: Place, **settings: object) -> Settings:
    return place.settings.model_copy(update=settings)


def as_login(place: Place, login: str) -> SecretStr:
    """The URL of the place's database for another login."""
    url = urlsplit(place.settings.database_url.get_secret_value())
    return SecretStr(url._replace(netloc=url.netloc.replace(str(url.username), login, 1)).geturl())


async def test_a_healthy_installation(place: Place, serve: Serve, issuer: Issuer, tmp_path: Path) -> None:
    async with place.serving(serve) as served:
        user_id = new_user_id()
        await person(served.channel, issuer.user(user_id), user_id).upload(pictures.png(), face())
        await office(served, issuer).erase(new_user_id())
    status, out, err = await ended(await service("doctor", folder=tmp_path, **variables(place.settings)))
    assert (status, err) == (0, ""), out
    *lines, summary = out.splitlines()
    assert summary == "0 problems, 0 warnings"
    assert all(line.startswith("ok       ") for line in lines), out
    for subject in (
        "settings",
        "generators",
        "TLS",
        "KEK file",
        "signing key",
        "login",
        "schema",
        "the database",
        "bucket",
        "the object store",
        "key epochs",
        "token keys",
        "certificates of erasure",
        "upkeep",
    ):
        assert subject in out
    assert "\x1b" not in out
    secrets = [getattr(place.settings, name).get_secret_value() for name in ("s3_access_key", "s3_secret_key")]
    assert not [secret for secret in (*secrets, place.settings.database_url.get_secret_value()) if secret in out]
    assert not any(key.endswith("/doctor") for key in iter(place.stored.keys()))


async def test_unusable_settings_are_all_listed_and_nothing_else_is_looked_at(place: Place, tmp_path: Path) -> None:
    own = variables(place.settings) | {
        "ME_IMAGES_WORKERS": CANARY,
        "ME_IMAGES_DATABSE_URL": CANARY,
        "ME_IMAGES_S3_ACCES_KEY": CANARY,
    }
    del own["ME_IMAGES_DATABASE_URL"]
    status, out, err = await ended(await service("doctor", folder=tmp_path, **own))
    assert (status, err) == (2, "")
    said = [line.partition("  ")[2].strip() for line in out.splitlines()]
    assert "ME_IMAGES_DATABASE_URL is not set" in said
    assert "ME_IMAGES_DATABSE_URL is not a setting; did you mean ME_IMAGES_DATABASE_URL?" in said
    assert "ME_IMAGES_S3_ACCES_KEY is not a setting; did you mean ME_IMAGES_S3_ACCESS_KEY?" in said
    assert [line for line in said if line.startswith("ME_IMAGES_WORKERS is wrong: ")]
    assert CANARY not in out


async def test_one_thing_that_is_broken_hides_no_other(place: Place, tmp_path: Path) -> None:
    """The database is away, the bucket, the keys: each is told of, and what hangs on them is skipped."""
    broken = changed(
        place,
        address="0.0.0.0:1",
        database_url=SecretStr(f"postgresql://me:{CANARY}@127.0.0.1:1/none"),
        s3_endpoint="127.0.0.1:1",
        kek_file=tmp_path / "nowhere",
        signing_key_file=tmp_path / "nowhere",
        jwks_file=tmp_path / "nowhere",
        generators_file=tmp_path / "nowhere",
        metrics_address="0.0.0.0:1",
    )
    status, out, err = await ended(await service("doctor", folder=tmp_path, **variables(broken)))
    assert (status, "Traceback" in err) == (1, False)
    assert out.splitlines()[-1] == "8 problems, 0 warnings"
    for said in (
        "there is no TLS",
        "ME_IMAGES_METRICS_ADDRESS can be",
        "generators is unusable",
        "cannot read the KEK",
        "SIGNING_KEY_FILE cannot be read",
        "the database does not answer",
        "the object store does not answer",
        "ME_IMAGES_JWKS_FILE cannot be read",
    ):
        assert said in out
    assert out.count("skipped  ") == 3
    assert out.count("  -> ") == 8
    assert CANARY not in out + err


async def test_a_check_that_breaks_off_is_told_of(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Settings) -> list[Finding]:
        raise LookupError(CANARY)

    monkeypatch.setattr(doctor, "check_settings", broken)
    (found,) = await bad(place.settings)
    assert found.level is Level.PROBLEM
    assert found.what.startswith("the check of the settings broke off: LookupError")
    assert CANARY not in found.what


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


async def test_secrets_that_others_can_read(place: Place, tmp_path: Path) -> None:
    write_first_kek(tmp_path / "kek")
    for mode, is_told in ((0o600, False), (0o440, False), (0o604, True), (0o660, True)):
        (tmp_path / "kek").chmod(mode)
        found = await bad(changed(place, kek_file=tmp_path / "kek"))
        assert [f"(mode {mode:04o})" in each.what and "chmod 600" in each.remedy for each in found] == [True] * is_told
    assert stat.S_IMODE((tmp_path / "kek").stat().st_mode) == 0o660, "it changes nothing"


async def test_tls_files_that_do_not_fit_or_expire_soon(place: Place, tmp_path: Path) -> None:
    ours = Authority("ours").issue("server", life=timedelta(days=20))
    files = Files(tmp_path).write(ours)
    files["tls_key_file"].chmod(0o600)
    settings = changed(place, **files)
    assert await bad(settings) == []
    found = await bad(settings, timedelta(days=10))
    assert [each.what for each in found if "TLS" in each.what] == [
        "TLS: the certificate in ME_IMAGES_TLS_CERT_FILE expires in 9 days"
    ]
    found = await bad(settings, timedelta(days=21))
    assert [each.level for each in found if "has expired" in each.what] == [Level.PROBLEM]
    write(files["tls_key_file"], "none")
    await the_one(settings, Level.PROBLEM, "ME_IMAGES_TLS_KEY_FILE holds no private key", "in PEM")


async def test_no_signing_key(place: Place) -> None:
    await the_one(changed(place, signing_key_file=None), Level.WARNING, "nobody can be erased", "openssl genpkey")


async def test_keys_of_users_that_do_not_open_or_are_under_an_older_epoch(
    place: Place, serve: Serve, issuer: Issuer, tmp_path: Path
) -> None:
    async with place.serving(serve) as served:
        user_id = new_user_id()
        await person(served.channel, issuer.user(user_id), user_id).upload(pictures.png(), face())
    older = tmp_path / "older"
    older.write_text(place.settings.kek_file.read_text())
    older.chmod(0o600)
    add_kek(older)
    await the_one(changed(place, kek_file=older), Level.WARNING, "1 users' keys are under older epochs", "rewrap-keys")
    write_first_kek(tmp_path / "other")
    await the_one(
        changed(place, kek_file=tmp_path / "other"), Level.PROBLEM, "another key for epoch 1", "Put the lines"
    )


async def test_token_keys(place: Place, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text('{"keys": []}')
    await the_one(
        changed(place, jwks_file=tmp_path / "none.json"), Level.PROBLEM, "ME_IMAGES_JWKS_FILE holds no", "kid"
    )
    url = changed(place, jwks_file=None, jwks_url="http://127.0.0.1:1/keys")
    await the_one(url, Level.PROBLEM, "ME_IMAGES_JWKS_URL does not answer", "reachable from here")
    without = changed(place, jwks_file=None, jwks_url="https://127.0.0.1:1/k", jwks_ca_file=tmp_path / "none.json")
    await the_one(without, Level.PROBLEM, "ME_IMAGES_JWKS_CA_FILE holds no CAs", "CAs in PEM")


async def test_a_certificate_whose_person_a_backup_has_brought_back(place: Place, serve: Serve, issuer: Issuer) -> None:
    user_id = new_user_id()
    async with place.serving(serve) as served:
        await office(served, issuer).erase(user_id)
        await office(served, issuer).erase(new_user_id())
    assert erasure_key(UserId(user_id)) in place.stored.keys("erasures/")
    assert await bad(place.settings) == []
    await place.stored.database.execute("DELETE FROM events WHERE user_id = $1", user_id)
    await place.stored.database.execute("DELETE FROM users WHERE user_id = $1", user_id)
    await the_one(place.settings, Level.PROBLEM, "1 certificates of erasure", "replay-erasures")


async def test_upkeep_that_is_behind(
    place: Place, serve: Serve, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place.serving(serve) as served:
        user_id = new_user_id()
        await person(served.channel, issuer.user(user_id), user_id).upload(pictures.png())
    await place.stored.database.execute("UPDATE media SET idle_since = idle_since - interval '25 hours'")
    assert await bad(place.settings) == []
    monkeypatch.setattr(standing, "MOST", 1)
    monkeypatch.setattr("service.commands.checks.standing.MOST", 1)
    await the_one(place.settings, Level.WARNING, "1 rows or more wait in media", "python -m service upkeep")
    await the_one(changed(place, upkeep=True), Level.WARNING, "wait in media", "me_images_upkeep_runs_total")


@pytest.mark.parametrize(
    ("environment", "is_terminal", "is_coloured"),
    [({}, True, True), ({}, False, False), ({"NO_COLOR": "1"}, True, False), ({"TERM": "dumb"}, True, False)],
)
def test_colours_are_for_terminals(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    is_terminal: bool,
    is_coloured: bool,
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    doctor.show([problem("it is broken", "mend it")], sys.stdout)
    out = capsys.readouterr().out
    assert ("\x1b" in out) == is_coloured
    assert "it is broken" in out
    assert out.splitlines()[1].strip() == "-> mend it"
