"""`doctor`: a healthy installation is well in every line, and each broken part is named with its remedy."""

import stat
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from service.adapters.keks import write_first_kek
from service.adapters.new_kek import add_kek
from service.adapters.postgres import standing
from service.commands import doctor
from service.commands.checks.findings import Finding, Level, problem
from service.config import Settings
from service.domain.erasure import erasure_key
from service.domain.model import UserId
from tests import pictures
from tests.admins import office
from tests.certificates import Authority, Files
from tests.conftest import Serve
from tests.dev_process import ended, service
from tests.doctoring import bad, changed, installed, the_one
from tests.own_place import Place
from tests.people import face, new_user_id, person
from tests.serve_process import variables
from tests.tokens import Issuer

CANARY = "canary4711"


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Place]:
    async with installed(settings) as own:
        yield own


def write(path: Path, text: str) -> None:
    path.write_text(text)


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
