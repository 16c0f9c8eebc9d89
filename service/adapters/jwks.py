"""The issuer's public keys as a JWKS (RFC 7517), and the file that may hold it."""

import json
from pathlib import Path
from typing import Protocol

import jwt

_ALGORITHMS = {("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256", ("RSA", None): "RS256"}
_PUBLIC = frozenset({"kty", "crv", "x", "y", "n", "e"})

Keys = dict[str, jwt.PyJWK]


class UnusableJwks(Exception):
    """There is no key that can verify a token; the text says why, and nothing of the content."""


class KeySource(Protocol):
    """Where a JWKS is found. ``pause`` and ``period`` are seconds: between two looks at least, and where nobody asks.

    ``setting`` names it. A server starts without keys only where they are not ``needed_at_start``.
    """

    setting: str
    pause: float
    period: float
    needed_at_start: bool

    def read(self) -> bytes:
        """Return the JWKS as it is now; takes some seconds at most. Raises UnusableJwks."""
        ...


class FileKeys:
    """Port KeySource: a file."""

    setting = "ME_IMAGES_JWKS_FILE"
    pause = 1.0
    period = 2.0
    needed_at_start = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        """See KeySource."""
        try:
            return self._path.read_bytes()
        except OSError as error:
            raise UnusableJwks(f"cannot be read: {type(error).__name__}") from None


def read_jwks(path: Path) -> Keys:
    """Return the keys of a file by ``kid``. Raises UnusableJwks."""
    return parse_jwks(FileKeys(path).read())


def parse_jwks(text: bytes) -> Keys:
    """Return the signing keys of a JWKS by ``kid``.

    Keys of other kinds, for encryption, or without ``kid`` are passed over. Raises UnusableJwks when none is left.
    """
    try:
        entries = json.loads(text.decode())["keys"]
        usable = [entry for entry in entries if entry.get("kid") and entry.get("use", "sig") == "sig"]
        keys = {str(entry["kid"]): _key(entry) for entry in usable if _algorithm(entry)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, jwt.PyJWTError):
        keys = {}
    if not keys:
        raise UnusableJwks("holds no EdDSA, ES256 or RS256 public key with a kid")
    return keys


def _algorithm(entry: dict[str, str]) -> str | None:
    return _ALGORITHMS.get((entry["kty"], entry.get("crv")))


def _key(entry: dict[str, str]) -> jwt.PyJWK:
    """Only the public members: a private key that strayed into the file is not loaded."""
    return jwt.PyJWK({name: entry[name] for name in _PUBLIC & entry.keys()}, algorithm=_algorithm(entry))
