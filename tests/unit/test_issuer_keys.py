"""Keys from an https address and from a file: rotation, and everything that can go wrong with it."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.adapters import jwks_url
from service.adapters.issuer_keys import IssuerKeys
from service.adapters.jwks import FileKeys, KeySource, UnusableJwks
from service.adapters.jwks_url import MAX_BYTES, UrlKeys
from service.adapters.system import SystemClock
from service.adapters.tokens import JwtVerifier, Trust
from service.domain.errors import Unauthenticated
from tests.certificates import Authority
from tests.key_server import Answer, KeyServer, key_server, told
from tests.tokens import AUDIENCE, ISSUER, Issuer, public_jwk
from tests.waiting import until

OURS = Authority("ours")


@dataclass
class Seconds:
    """A monotonic clock that stands still until it is moved."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def jwks(issuer: Issuer, *, suffix: str = "") -> bytes:
    """Return the public keys, each under its name and a suffix."""
    return json.dumps({"keys": [public_jwk(key) | {"kid": kid + suffix} for kid, key in issuer.keys.items()]}).encode()


@pytest.fixture
def address(tmp_path: Path, issuer: Issuer) -> Iterator[KeyServer]:
    with key_server(OURS.server(), tmp_path) as running:
        running.answer = told(jwks(issuer))
        yield running


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(OURS.pem)
    return path


@asynccontextmanager
async def following(source: KeySource, seconds: Callable[[], float]) -> AsyncIterator[IssuerKeys]:
    verifier = JwtVerifier(Trust(ISSUER, AUDIENCE, {}), SystemClock())
    async with IssuerKeys.followed(verifier, source, seconds) as keys:
        yield keys


async def is_taken(keys: IssuerKeys, token: str) -> bool:
    """Do as admission does."""
    try:
        keys.verify(token)
    except Unauthenticated:
        if not await keys.learned(token):
            return False
        keys.verify(token)
    return True


async def test_a_new_key_is_learned_with_its_first_token(address: KeyServer, ca_file: Path, issuer: Issuer) -> None:
    seconds = Seconds()
    old, new = issuer.user("ada"), issuer.sign({"sub": "ada"}, kid="EdDSA-new")
    async with following(UrlKeys(address.url, ca_file), seconds) as keys:
        await keys.ping()
        assert await is_taken(keys, old)
        assert not await is_taken(keys, new)
        address.answer = told(jwks(issuer, suffix="-new"))
        seconds.now += UrlKeys.pause
        assert await is_taken(keys, new)
        assert not await is_taken(keys, old), "a key that is gone proves nobody, though its token was known"
    assert address.hits == 2


async def test_many_who_wait_for_a_new_key_cause_one_request(address: KeyServer, ca_file: Path, issuer: Issuer) -> None:
    seconds = Seconds()
    async with following(UrlKeys(address.url, ca_file), seconds) as keys:
        address.answer = told(jwks(issuer, suffix="-new"))
        seconds.now += UrlKeys.pause
        tokens = [issuer.sign({"sub": f"user-{number}"}, kid="EdDSA-new") for number in range(50)]
        assert all(await asyncio.gather(*(is_taken(keys, token) for token in tokens)))
    assert address.hits == 2


async def test_a_flood_of_unknown_keys_is_one_request_a_pause(
    address: KeyServer, ca_file: Path, issuer: Issuer
) -> None:
    seconds = Seconds()
    async with following(UrlKeys(address.url, ca_file), seconds) as keys:
        for _ in range(5):
            seconds.now += UrlKeys.pause
            for flood in range(3):
                tokens = [issuer.sign({"sub": "eve"}, kid=f"kid-{flood}-{number}") for number in range(40)]
                assert not any(await asyncio.gather(*(is_taken(keys, token) for token in tokens)))
                seconds.now += UrlKeys.pause / 10
            assert await is_taken(keys, issuer.user("ada"))
    assert address.hits == 1 + 5


async def test_only_an_unknown_key_asks(address: KeyServer, ca_file: Path, issuer: Issuer) -> None:
    seconds = Seconds()
    async with following(UrlKeys(address.url, ca_file), seconds) as keys:
        good = issuer.user("ada")
        for bad in ("", "garbage", "a.b.c", good[:-3] + "AAA", issuer.user("ada", exp=1), "x" * 9000):
            seconds.now += UrlKeys.pause
            assert not await is_taken(keys, bad)
    assert address.hits == 1


def dripping(running: KeyServer, content: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        for byte in content:
            if running.ended.wait(0.02):
                return
            request.wfile.write(bytes([byte]))
            request.wfile.flush()

    return answer


def spoken(content: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(content)

    return answer


def silent(running: KeyServer) -> Answer:
    def answer(_: BaseHTTPRequestHandler) -> None:
        running.ended.wait()

    return answer


def bad_answers(running: KeyServer, issuer: Issuer) -> dict[str, tuple[Answer, str]]:
    whole = jwks(issuer, suffix="-new")
    away = f"https://localhost:{running.port}/elsewhere"
    return {
        "slow": (dripping(running, whole), "JWKS_URL"),
        "silent": (silent(running), "does not answer"),
        "huge": (told(whole + b" " * MAX_BYTES), "answered more than"),
        "compressed": (told(gzip.compress(whole), encoding="gzip"), "holds no"),
        "garbage": (told(b"<html>"), "holds no"),
        "empty": (told(b""), "holds no"),
        "nested": (told(b"[" * 100_000), "holds no"),
        "no keys": (told(b'{"keys": []}'), "holds no"),
        "not found": (told(whole, 404), "answered 404"),
        "moved": (told(b"", 302, location=away), "answered 302"),
        "moved for good": (told(whole, 301, location=away), "answered 301"),
        "cut off": (told(whole[:-9]), "holds no"),
        "no http": (spoken(b"\0" * 100), "does not answer"),
    }


BAD = tuple(bad_answers(KeyServer(0, told(b"")), Issuer()))


@pytest.mark.parametrize("bad", BAD)
async def test_what_cannot_be_used_leaves_the_old_keys(
    address: KeyServer, ca_file: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    monkeypatch.setattr(jwks_url, "TOTAL_SECONDS", 0.3)
    seconds = Seconds()
    old, new = issuer.user("ada"), issuer.sign({"sub": "ada"}, kid="EdDSA-new")
    async with following(UrlKeys(address.url, ca_file), seconds) as keys:
        address.answer, problem = bad_answers(address, issuer)[bad]
        with capture_logs() as log:
            for _ in range(2):
                seconds.now += UrlKeys.pause
                asking = asyncio.create_task(is_taken(keys, new))
                await asyncio.sleep(0)
                started = time.monotonic()
                assert keys.verify(old).subject == "ada", "calls with known keys go on meanwhile"
                assert time.monotonic() - started < 0.2
                assert not await asking
        (line,) = log
        assert problem in line["problem"]
        assert line["problem"].startswith("ME_IMAGES_JWKS_URL ")
        assert "html" not in str(line)
        address.answer = told(jwks(issuer, suffix="-new"))
        seconds.now += UrlKeys.pause
        assert await is_taken(keys, new)


async def test_who_is_not_vouched_for_is_not_believed(address: KeyServer, tmp_path: Path, issuer: Issuer) -> None:
    (tmp_path / "others.pem").write_bytes(Authority("others").pem)
    other_name = address.url.replace("127.0.0.1", "127.0.0.2")
    (tmp_path / "ours.pem").write_bytes(OURS.pem)
    for url, ca_file in (
        (address.url, None),
        (address.url, tmp_path / "others.pem"),
        (other_name, tmp_path / "ours.pem"),
    ):
        async with following(UrlKeys(url, ca_file), Seconds()) as keys:
            assert not await is_taken(keys, issuer.user("ada"))
            with pytest.raises(UnusableJwks, match="does not answer"):
                await keys.ping()
    assert address.hits == 0


async def test_an_address_that_is_away_at_the_start_is_found_later(
    address: KeyServer, ca_file: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UrlKeys, "pause", 0.01)
    address.answer = told(b"", 503)
    async with following(UrlKeys(address.url, ca_file), time.monotonic) as keys:
        with pytest.raises(UnusableJwks, match="503"):
            await keys.ping()
        address.answer = told(jwks(issuer))

        async def is_there() -> bool:
            try:
                await keys.ping()
            except UnusableJwks:
                return False
            return True

        await until(is_there)
        assert await is_taken(keys, issuer.user("ada"))


async def test_an_address_is_read_again_without_being_asked(
    address: KeyServer, ca_file: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UrlKeys, "pause", 0.0)
    monkeypatch.setattr(UrlKeys, "period", 0.01)
    async with following(UrlKeys(address.url, ca_file), Seconds()) as keys:
        assert keys.verify(issuer.user("ada"))
        address.answer = told(jwks(issuer, suffix="-new"))
        hits = address.hits
        await until(lambda: address.hits > hits + 1)
        assert keys.verify(issuer.sign({"sub": "ada"}, kid="EdDSA-new"))


async def test_a_file_is_followed_whatever_is_written_into_it(tmp_path: Path, issuer: Issuer) -> None:
    path, seconds = tmp_path / "jwks.json", Seconds()
    path.write_bytes(jwks(issuer))
    old, new = issuer.user("ada"), issuer.sign({"sub": "ada"}, kid="EdDSA-new")
    async with following(FileKeys(path), seconds) as keys:
        for content in (jwks(issuer, suffix="-new")[:200], b"", None):
            path.unlink() if content is None else path.write_bytes(content)
            seconds.now += FileKeys.pause
            assert not await is_taken(keys, new)
            assert await is_taken(keys, old)
        path.write_bytes(jwks(issuer, suffix="-new"))
        seconds.now += FileKeys.pause
        assert await is_taken(keys, new)
        assert not await is_taken(keys, old)


async def test_a_file_must_be_there_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UnusableJwks, match="ME_IMAGES_JWKS_FILE cannot be read"):
        async with following(FileKeys(tmp_path / "nowhere"), Seconds()):
            pass


def test_a_file_of_cas_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for path in (tmp_path / "nowhere", tmp_path / "empty"):
        with pytest.raises(UnusableJwks, match="ME_IMAGES_JWKS_CA_FILE"):
            UrlKeys("https://127.0.0.1/", path)
