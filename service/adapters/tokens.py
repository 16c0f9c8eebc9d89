"""Port TokenVerifier: bearer JWTs against a JWKS, with a cache of verified tokens.

A key of the JWKS decides its own algorithm; what a token says of ``alg``, ``jku``, ``jwk`` or ``x5c`` never chooses
anything. A service's token is one that a client got for itself: ``client_id`` equals ``sub`` (RFC 9068, section 2.2).
A token may be bound to a client certificate by ``cnf`` (RFC 8705, section 3.1); one that is bound to anything else,
which nobody here could check, proves nobody.
"""

import hashlib
import json
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

import jwt
from jwt.types import Options

from service.domain.callers import USER_SCOPES, Caller, CallerKind, Scope
from service.domain.errors import Unauthenticated
from service.domain.limits import MAX_USER_ID_CHARACTERS
from service.ports.outside import Clock

MAX_TOKEN_CHARACTERS = 8192
CACHED_TOKENS = 4096
CLOCK_SKEW_SECONDS = 30

_ALGORITHMS = {("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256", ("RSA", None): "RS256"}
_PUBLIC = frozenset({"kty", "crv", "x", "y", "n", "e"})
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
"""SHA-256 in base64url without padding."""
_OPTIONS: Options = {"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True}


class UnusableJwks(Exception):
    """The JWKS file holds no key that can verify a token."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose tokens are believed, and for which audience they must be made."""

    issuer: str
    audience: str
    keys: dict[str, jwt.PyJWK]


@dataclass(frozen=True, slots=True)
class _Verified:
    caller: Caller
    expires: float


class JwtVerifier:
    """Port TokenVerifier."""

    def __init__(self, trust: Trust, clock: Clock) -> None:
        self._trust = trust
        self._clock = clock
        self._cache: OrderedDict[bytes, _Verified] = OrderedDict()

    def verify(self, token: str) -> Caller:
        """See TokenVerifier."""
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise Unauthenticated
        cache_key = hashlib.sha256(token.encode()).digest()
        known = self._cache.get(cache_key)
        if known is None:
            known = self._verify(token)
            self._cache[cache_key] = known
            if len(self._cache) > CACHED_TOKENS:
                self._cache.popitem(last=False)
        if known.expires <= self._clock.now().timestamp():
            del self._cache[cache_key]
            raise Unauthenticated
        return known.caller

    def _verify(self, token: str) -> _Verified:
        try:
            key = self._trust.keys[str(jwt.get_unverified_header(token).get("kid"))]
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self._trust.audience,
                issuer=self._trust.issuer,
                leeway=CLOCK_SKEW_SECONDS,
                options=_OPTIONS,
            )
            expires = float(claims["exp"]) + CLOCK_SKEW_SECONDS
            caller = replace(_caller(claims), expires=expires, bound_to=_bound_to(claims))
            return _Verified(caller, expires)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError):
            raise Unauthenticated from None


def _caller(claims: dict[str, object]) -> Caller:
    """A user's token may narrow its scopes; a service's token has none but those that it names."""
    subject, client, scope = claims["sub"], claims.get("client_id"), claims.get("scope")
    if not isinstance(subject, str) or not 1 <= len(subject) <= MAX_USER_ID_CHARACTERS:
        raise Unauthenticated
    named = frozenset(Scope) & frozenset(scope.split() if isinstance(scope, str) else ())
    if client == subject:
        return Caller(CallerKind.SERVICE, subject, named)
    return Caller(CallerKind.USER, subject, USER_SCOPES if scope is None else USER_SCOPES & named)


def _bound_to(claims: dict[str, object]) -> str | None:
    if "cnf" not in claims:
        return None
    match claims["cnf"]:
        case {"x5t#S256": str(thumbprint), **others} if not others and _THUMBPRINT.fullmatch(thumbprint):
            return thumbprint
    raise Unauthenticated


def read_jwks(path: Path) -> dict[str, jwt.PyJWK]:
    """Return the signing keys of a JWKS file (RFC 7517) by ``kid``.

    Keys of other kinds, for encryption, or without ``kid`` are passed over. Raises UnusableJwks when none is left.
    """
    try:
        entries = json.loads(path.read_text("utf-8"))["keys"]
        usable = [entry for entry in entries if entry.get("kid") and entry.get("use", "sig") == "sig"]
        keys = {str(entry["kid"]): _key(entry) for entry in usable if _algorithm(entry)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError):
        raise UnusableJwks from None
    if not keys:
        raise UnusableJwks
    return keys


def _algorithm(entry: dict[str, str]) -> str | None:
    return _ALGORITHMS.get((entry["kty"], entry.get("crv")))


def _key(entry: dict[str, str]) -> jwt.PyJWK:
    """Only the public members: a private key that strayed into the file is not loaded."""
    return jwt.PyJWK({name: entry[name] for name in _PUBLIC & entry.keys()}, algorithm=_algorithm(entry))
