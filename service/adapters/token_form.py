"""The one canonical form in which a token is taken: parsers that forgive do not agree on what they have read."""

import base64
import json
import re

from service.domain.errors import Unauthenticated

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""Kinds of tokens that may be access tokens; issuers sign others with the same keys (RFC 8725, section 3.11)."""


def kid_of(token: str) -> str:
    """Return what the header of a well-formed token says of its key; nothing is verified yet.

    Raises Unauthenticated, ValueError, KeyError, RecursionError.
    """
    if not _FORM.fullmatch(token):
        raise Unauthenticated
    header, claims, signature = token.split(".")
    said = _object_in(header)
    _object_in(claims)
    _bytes_in(signature)
    kind = said.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES or not isinstance(said["kid"], str):
        raise Unauthenticated
    return said["kid"]


def _bytes_in(part: str) -> bytes:
    """Decode base64url that is the only way to write its bytes: no padding, no bits left over."""
    content = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(content).decode().rstrip("=") != part:
        raise Unauthenticated
    return content


def _object_in(part: str) -> dict[str, object]:
    found = json.loads(_bytes_in(part).decode(), object_pairs_hook=_without_repetition, parse_constant=_no_constant)
    if not isinstance(found, dict):
        raise Unauthenticated
    return found


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unauthenticated
    return found


def _no_constant(_: str) -> object:
    """NaN and Infinity are not JSON."""
    raise Unauthenticated
