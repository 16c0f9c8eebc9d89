"""Settings: what is wrong with them is said in one line each, and never what they hold."""

import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.commands.failures import end_with
from service.config import PREFIX, Settings
from service.variables import OTHERS, UnusableSettings, read_settings, unknown_variables
from tests.dev_process import ROOT

CANARY = "canary4711"
NEEDED = {
    "DATABASE_URL": f"postgresql://me:{CANARY}@localhost/me",
    "S3_ENDPOINT": "127.0.0.1:9000",
    "S3_ACCESS_KEY": f"access-{CANARY}",
    "S3_SECRET_KEY": f"secret-{CANARY}",
    "KEK_FILE": "/run/keks",
    "JWKS_FILE": "/run/jwks.json",
    "TOKEN_ISSUER": "https://issuer.example",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is needed, and nothing of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    for name, value in NEEDED.items():
        monkeypatch.setenv(PREFIX + name, value)


def complaints(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What a command that reads the settings says before it ends."""
    with pytest.raises(ValidationError) as refused:
        Settings()
    with pytest.raises(SystemExit) as ended:
        end_with(refused.value)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert not said.out
    *lines, remedy = said.err.splitlines()
    assert "README" in remedy
    return lines


def name_in(line: str) -> str:
    return line.split(maxsplit=1)[0].rstrip(":")


def test_what_has_to_be_set_is_enough() -> None:
    settings = Settings()
    assert settings.address == "127.0.0.1:50051"
    assert settings.s3_secure
    assert not settings.reflection
    assert not settings.allow_plaintext
    assert settings.kek_file == Path("/run/keks")


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.delenv(PREFIX + name)
    (line,) = complaints(capsys)
    assert name_in(line) == PREFIX + name
    assert CANARY not in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ADDRESS", CANARY),
        ("ADDRESS", f":{CANARY}"),
        ("ADDRESS", "localhost:65536"),
        ("ADDRESS", ":50051"),
        ("METRICS_ADDRESS", CANARY),
        ("METRICS_ADDRESS", "localhost:65536"),
        ("MTLS_ADDRESS", CANARY),
        ("MTLS_ADDRESS", "127.0.0.1:1"),
        ("TLS_CLIENT_CA_FILE", CANARY),
        ("REQUIRE_CLIENT_CERTIFICATE", "true"),
        ("JWKS_URL", CANARY),
        ("JWKS_URL", f"http://{CANARY}.example/keys"),
        ("JWKS_URL", f"ftp://{CANARY}.example/keys"),
        ("JWKS_URL", f"https://{CANARY}:secret@issuer.example/keys"),
        ("JWKS_URL", f"https://issuer.example/#{CANARY}"),
        ("JWKS_URL", "https:///keys"),
        ("JWKS_URL", f"https://issuer.example:{CANARY}/keys"),
        ("WORKERS", "0"),
        ("WORKERS", CANARY),
        ("DATABASE_CONNECTIONS", "-1"),
        ("S3_CONNECTIONS", "1.5"),
        ("S3_SECURE", CANARY),
        ("REFLECTION", ""),
        ("TRANSFER_MIB", "9"),
        ("TRANSFER_LINE_MIB", "-1"),
        ("MAX_CALLS", "0"),
        ("MAX_WATCHERS_PER_CALLER", CANARY),
        ("CALLS_PER_SECOND", "0"),
        ("TRANSFERS_BURST", "0"),
        ("BODY_TIMEOUT_SECONDS", "0"),
        ("CALL_TIMEOUT_SECONDS", "-3"),
        ("STREAM_TIMEOUT_SECONDS", CANARY),
        ("DECODERS", "0"),
        ("UNCLAIMED_MEDIA_HOURS", "soon"),
        ("REQUEST_HOURS", "nan"),
        ("PENDING_MEDIA_MINUTES", "inf"),
        ("UPKEEP", CANARY),
        ("UPKEEP_MINUTES", "0"),
    ],
)
def test_what_is_wrong_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    (line,) = complaints(capsys)
    assert name_in(line) == PREFIX + name
    assert line.endswith(".")
    assert CANARY not in line


@pytest.mark.parametrize("half", ["TLS_CERT_FILE", "TLS_KEY_FILE"])
def test_a_certificate_and_its_key_are_set_together(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], half: str
) -> None:
    monkeypatch.setenv(PREFIX + half, CANARY)
    (line,) = complaints(capsys)
    assert name_in(line) == f"{PREFIX}TLS_KEY_FILE"
    assert f"{PREFIX}TLS_CERT_FILE" in line


def test_the_issuers_keys_have_one_source(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(f"{PREFIX}JWKS_URL", f"https://issuer.example/{CANARY}")
    (line,) = complaints(capsys)
    assert name_in(line) == f"{PREFIX}JWKS_FILE"
    assert CANARY not in line
    monkeypatch.delenv(f"{PREFIX}JWKS_FILE")
    assert Settings().jwks_file is None


@pytest.mark.parametrize("url", ["https://issuer.example/keys?v=1", "http://localhost:1/k", "http://[::1]/k"])
def test_addresses_that_keys_may_come_from(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.delenv(f"{PREFIX}JWKS_FILE")
    monkeypatch.setenv(f"{PREFIX}JWKS_URL", url)
    assert Settings().jwks_url == url


def test_every_bad_setting_has_its_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(f"{PREFIX}WORKERS", CANARY)
    monkeypatch.delenv(f"{PREFIX}KEK_FILE")
    assert sorted(map(name_in, complaints(capsys))) == [f"{PREFIX}KEK_FILE", f"{PREFIX}WORKERS"]


def unusable(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What every command says before it ends that reads the settings."""
    with pytest.raises(UnusableSettings) as refused:
        read_settings()
    with pytest.raises(SystemExit) as ended:
        end_with(refused.value)
    assert ended.value.code == 2
    *lines, remedy = capsys.readouterr().err.splitlines()
    assert "README" in remedy
    assert not [line for line in lines if CANARY in line]
    return lines


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("DATABSE_URL", "DATABASE_URL"),
        ("DATABASE_URLS", "DATABASE_URL"),
        ("S3_ENDPIONT", "S3_ENDPOINT"),
        ("WORKER", "WORKERS"),
        ("UPKEP_MINUTES", "UPKEEP_MINUTES"),
        ("USER_TOKN", "USER_TOKEN"),
    ],
)
def test_a_variable_that_is_no_setting_is_named_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, nearest: str
) -> None:
    monkeypatch.setenv(PREFIX + name, CANARY)
    assert unusable(capsys) == [f"{PREFIX}{name} is not a setting; did you mean {PREFIX}{nearest}?"]


def test_a_variable_that_is_near_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(f"{PREFIX}QQQ", CANARY)
    assert unusable(capsys) == [f"{PREFIX}QQQ is not a setting."]


@pytest.mark.parametrize("name", ["SERVICE_HOST", "SERVICE_PORT_GRPC", "PORT", "PORT_50051_TCP_ADDR"])
def test_what_kubernetes_sets_is_told_how_to_unset(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv(PREFIX + name, CANARY)
    (line,) = unusable(capsys)
    assert line.startswith(f"{PREFIX}{name} is not a setting. ")
    assert "enableServiceLinks: false" in line


def test_unknown_variables_hide_no_other_problem(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"{PREFIX}WORKERS", CANARY)
    monkeypatch.setenv(f"{PREFIX}KEK_FIL", CANARY)
    monkeypatch.delenv(f"{PREFIX}KEK_FILE")
    assert sorted(map(name_in, unusable(capsys))) == [f"{PREFIX}KEK_FIL", f"{PREFIX}KEK_FILE", f"{PREFIX}WORKERS"]


def test_settings_and_variables_of_clients_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may be started from a shell that has read dev.env; and names may be written small."""
    for name in OTHERS:
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("me_images_workers", "3")
    assert read_settings().workers == 3


def test_every_variable_that_clients_read_is_known() -> None:
    clients = [path.read_text("utf-8") for path in (ROOT / "clients").rglob("*.py") if "node_modules" not in path.parts]
    read = {found for text in clients for found in re.findall(rf"\b{PREFIX}[A-Z_]+\b", text)}
    read = {name for name in read if not name.endswith("_FIELD_NUMBER")}
    assert read
    assert not unknown_variables(read)


def test_settings_never_show_a_secret() -> None:
    settings = Settings()
    assert CANARY not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"


def test_every_setting_says_what_it_is() -> None:
    assert all((field.description or "").endswith(".") for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("address", "host", "is_loopback"),
    [
        ("127.0.0.1:1", "127.0.0.1", True),
        ("127.8.9.10:1", "127.8.9.10", True),
        ("localhost:1", "localhost", True),
        ("[::1]:1", "::1", True),
        ("0.0.0.0:1", "0.0.0.0", False),  # noqa: S104 # nothing is bound
        ("[::]:1", "::", False),
        ("10.0.0.1:1", "10.0.0.1", False),
        ("localhost.example.org:1", "localhost.example.org", False),
    ],
)
def test_whether_others_can_reach_an_address(
    monkeypatch: pytest.MonkeyPatch, address: str, host: str, is_loopback: bool
) -> None:
    monkeypatch.setenv(f"{PREFIX}ADDRESS", address)
    settings = Settings()
    assert (settings.host, settings.port, settings.is_loopback) == (host, 1, is_loopback)
