"""Bearer JWTs against the keys of a JWKS, with a cache of verified tokens.

A key of the JWKS decides its own algorithm; what a token says of ``alg``, ``jku``, ``jwk`` or ``x5c`` never chooses
anything. A service's token is one that a client got for itself: ``client_id`` equals ``sub`` (RFC 9068, section 2.2).

A token may be bound to a client certificate by ``cnf`` (RFC 8705, section 3.1); one that is bound to anything else,
which nobody here could check, proves nobody.
"""

import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass, replace

import jwt
from jwt.types import Options

from service.adapters.jwks import Keys
from service.adapters.token_form import kid_of
from service.domain.callers import USER_SCOPES, Caller, CallerKind, Scope
from service.domain.errors import Unauthenticated
from service.domain.limits import MAX_USER_ID_CHARACTERS
from service.ports.outside import Clock

MAX_TOKEN_CHARACTERS = 8192
CACHED_TOKENS = 4096
CLOCK_SKEW_SECONDS = 30

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
"""SHA-256 in base64url without padding."""
_OPTIONS: Options = {"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True}


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose tokens are believed, and for which audience they must be made."""

    issuer: str
    audience: str
    keys: Keys


@dataclass(frozen=True, slots=True)
class _Verified:
    caller: Caller
    expires: float


class JwtVerifier:
    """Knows whom a token proves, by the keys that it was given last."""

    def __init__(self, trust: Trust, clock: Clock) -> None:
        self._trust = trust
        self._clock = clock
        self._cache: OrderedDict[bytes, _Verified] = OrderedDict()

    def trust_keys(self, keys: Keys) -> None:
        """Believe these keys from now on, and no token of before."""
        self._trust = replace(self._trust, keys=keys)
        self._cache.clear()

    def names_unknown_key(self, token: str) -> bool:
        """Whether a token is one of a key that is not known; it may still be anything."""
        try:
            return len(token) <= MAX_TOKEN_CHARACTERS and kid_of(token) not in self._trust.keys
        except (ValueError, TypeError, KeyError, RecursionError, Unauthenticated):
            return False

    def verify(self, token: str) -> Caller:
        """Return the caller that the token proves. Raises Unauthenticated for any other token."""
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
            key = self._trust.keys[kid_of(token)]
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self._trust.audience,
                issuer=self._trust.issuer,
                leeway=CLOCK_SKEW_SECONDS,
                options=_OPTIONS,
            )
            if not all(_is_time(claims[name]) for name in ("exp", "nbf", "iat") if name in claims):
                raise Unauthenticated
            expires = float(claims["exp"]) + CLOCK_SKEW_SECONDS
            caller = replace(_caller(claims), expires=expires, bound_to=_bound_to(claims))
            return _Verified(caller, expires)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
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


def _is_time(claim: object) -> bool:
    return isinstance(claim, int | float) and not isinstance(claim, bool)
