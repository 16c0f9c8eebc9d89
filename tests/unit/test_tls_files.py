"""Certificates in files: what is taken, what is not, and what is said of it."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from structlog.testing import capture_logs

from service.adapters.certificates import X509Reader, host_named_by
from service.adapters.tls_files import TlsFiles, UnusableTlsFiles, WatchedTls
from tests.certificates import Authority, Files, Pair
from tests.clocks import SetClock

OURS = Authority("ours")


@pytest.fixture
def clock() -> SetClock:
    return SetClock.ahead()


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    named = Files(tmp_path).write(OURS.server(), OURS.pem)
    return TlsFiles(named["tls_cert_file"], named["tls_key_file"], named["tls_client_ca_file"])


def ed25519_key() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def encrypted(pair: Pair) -> bytes:
    return pair.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )


BAD: dict[str, Callable[[TlsFiles], object]] = {
    "cannot be read": lambda files: files.cert.unlink(),
    "CERT_FILE holds no whole": lambda files: files.cert.write_bytes(b""),
    "_CERT_FILE holds no whole": lambda files: files.cert.write_bytes(files.cert.read_bytes()[:-40]),
    "holds no whole": lambda files: files.cert.write_bytes(files.cert.read_bytes() + OURS.pem[:90]),
    "no private key": lambda files: files.key.write_bytes(files.key.read_bytes()[:60]),
    "without a password": lambda files: files.key.write_bytes(encrypted(OURS.server())),
    "neither an RSA nor an EC": lambda files: files.key.write_bytes(ed25519_key()),
    "is not the key of": lambda files: files.key.write_bytes(OURS.server().key),
    "CLIENT_CA_FILE holds no": lambda files: files.client_ca and files.client_ca.write_bytes(b"none"),
}


@pytest.mark.parametrize("sentence", BAD)
def test_what_cannot_serve_is_one_sentence(files: TlsFiles, clock: SetClock, sentence: str) -> None:
    BAD[sentence](files)
    with pytest.raises(UnusableTlsFiles, match=sentence) as refused:
        WatchedTls(files, clock)
    assert "ME_IMAGES_TLS_" in str(refused.value)
    assert "BEGIN" not in str(refused.value)


def test_an_expired_certificate_is_told(files: TlsFiles, clock: SetClock) -> None:
    clock.move(timedelta(days=2))
    with pytest.raises(UnusableTlsFiles, match="expired"):
        WatchedTls(files, clock)


@pytest.mark.parametrize("sentence", BAD)
def test_what_cannot_serve_changes_nothing_and_is_logged_once(
    files: TlsFiles, clock: SetClock, tmp_path: Path, sentence: str
) -> None:
    tls = WatchedTls(files, clock)
    before = tls.current()
    BAD[sentence](files)
    with capture_logs() as log:
        assert [tls.current() for _ in range(3)] == [before] * 3
    (line,) = log
    assert (line["event"], line["log_level"]) == ("tls files not taken", "error")
    assert "BEGIN" not in str(line)
    whole = OURS.server()
    Files(tmp_path).write(whole, OURS.pem)
    with capture_logs() as log:
        assert tls.current().chain == whole.pem
    assert [line["event"] for line in log] == ["tls files taken"]


def test_what_is_half_replaced_waits_for_its_other_half(files: TlsFiles, clock: SetClock) -> None:
    tls = WatchedTls(files, clock)
    before, after = tls.current(), OURS.server()
    files.cert.write_bytes(after.pem)
    assert tls.current() is before
    files.key.write_bytes(after.key)
    assert (tls.current().chain, tls.current().key) == (after.pem, after.key)


def test_the_same_content_is_no_change(files: TlsFiles, clock: SetClock) -> None:
    tls = WatchedTls(files, clock)
    before = tls.current()
    os.utime(files.cert, ns=(1, 1))
    with capture_logs() as log:
        assert tls.current() is before
    assert log == []


def test_nothing_shows_the_key(files: TlsFiles, clock: SetClock) -> None:
    assert "PRIVATE" not in repr(WatchedTls(files, clock).current())


URI, DNS = x509.UniformResourceIdentifier, x509.DNSName


@pytest.mark.parametrize(
    ("alternatives", "names"),
    [
        ((), {"wardrobe"}),
        ((DNS("a.example"), URI("spiffe://ours/a")), {"a.example", "spiffe://ours/a"}),
        ((x509.RFC822Name("a@example"),), {"wardrobe"}),
    ],
)
def test_whom_a_certificate_names(alternatives: tuple[x509.GeneralName, ...], names: set[str]) -> None:
    pair = OURS.issue("wardrobe", *alternatives)
    found = X509Reader().read(pair.pem)
    assert found is not None
    assert (found.names, found.thumbprint) == (frozenset(names), pair.thumbprint)
    assert found.expires == pair.certificate.not_valid_after_utc.timestamp()
    assert X509Reader().read(b"no certificate") is None


@pytest.mark.parametrize(
    ("alternatives", "host"), [((), "wardrobe"), ((DNS("*.a.example"),), "probe.a.example"), ((URI("x://y"),), None)]
)
def test_which_host_a_probe_asks_for(alternatives: tuple[x509.GeneralName, ...], host: str | None) -> None:
    assert host_named_by(OURS.issue("wardrobe", *alternatives).pem) == host
