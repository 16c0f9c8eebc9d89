"""Port TlsSource: certificate, key and client CAs from files, read again when they change.

Files that do not fit together, because they are half-written or one of two was replaced, change nothing: the material
in use stays, and a log line says why.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from service.ports.outside import Clock
from service.ports.transport import TlsMaterial

_log = structlog.get_logger()

_Stamp = tuple[tuple[int, int, int] | None, ...]


class UnusableTlsFiles(Exception):
    """The files cannot serve TLS; the text names the setting and never its content."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the PEM files lie; ``client_ca`` only where callers show certificates."""

    cert: Path
    key: Path
    client_ca: Path | None = None


class WatchedTls:
    """Port TlsSource. Each ``current`` looks at the files' times and sizes, which takes some microseconds."""

    def __init__(self, files: TlsFiles, clock: Clock) -> None:
        """Read the files. Raises UnusableTlsFiles."""
        self._files = files
        self._clock = clock
        self._lock = threading.Lock()
        self._stamp = self._stamps()
        self._material = read_tls(files, clock)

    def current(self) -> TlsMaterial:
        """See TlsSource."""
        with self._lock:
            # Before the files are read: what changes meanwhile has another stamp, and is read again.
            stamp = self._stamps()
            if stamp != self._stamp:
                self._stamp = stamp
                self._read_again()
            return self._material

    def _read_again(self) -> None:
        try:
            material = read_tls(self._files, self._clock)
        except UnusableTlsFiles as problem:
            _log.error("tls files not taken", problem=str(problem))
            return
        if material != self._material:
            self._material = material
            _log.info("tls files taken")

    def _stamps(self) -> _Stamp:
        return tuple(_stamp(path) for path in (self._files.cert, self._files.key, self._files.client_ca) if path)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read_tls(files: TlsFiles, clock: Clock) -> TlsMaterial:
    """Return what the files hold, once it is known to fit together. Raises UnusableTlsFiles."""
    chain, key = _read(files.cert, "CERT_FILE"), _read(files.key, "KEY_FILE")
    own = _certificates(chain, "CERT_FILE")[0]
    try:
        private = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError):
        raise UnusableTlsFiles("ME_IMAGES_TLS_KEY_FILE holds no private key in PEM without a password") from None
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UnusableTlsFiles("ME_IMAGES_TLS_KEY_FILE holds neither an RSA nor an EC key")
    if private.public_key() != own.public_key():
        raise UnusableTlsFiles("ME_IMAGES_TLS_KEY_FILE is not the key of the first certificate in ..._TLS_CERT_FILE")
    if own.not_valid_after_utc <= clock.now():
        raise UnusableTlsFiles("the first certificate in ME_IMAGES_TLS_CERT_FILE has expired")
    client_ca = None
    if files.client_ca is not None:
        client_ca = _read(files.client_ca, "CLIENT_CA_FILE")
        _certificates(client_ca, "CLIENT_CA_FILE")
    return TlsMaterial(chain, key, client_ca)


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableTlsFiles(f"ME_IMAGES_TLS_{setting} cannot be read: {type(error).__name__}") from None


def _certificates(pem: bytes, setting: str) -> list[x509.Certificate]:
    """A last certificate that is cut off makes the whole file unusable."""
    try:
        found = x509.load_pem_x509_certificates(pem)
        for certificate in found:
            certificate.public_key()
    except (ValueError, TypeError, x509.InvalidVersion):
        found = []
    if not found or len(found) != pem.count(b"-----BEGIN CERTIFICATE-----"):
        raise UnusableTlsFiles(f"ME_IMAGES_TLS_{setting} holds no whole certificates in PEM")
    return found
