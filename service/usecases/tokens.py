"""Opaque tokens of numbers, good only for the query that made them.

Format: each number in 8 bytes, big-endian and signed, then 12 bytes of SHA-256 over the query and those bytes, in
base64url. A token holds no secret and opens nothing: the query is always the caller's own.
"""

import base64
import binascii
import hashlib
import struct

from pydantic_core import to_json

_CHECK_BYTES = 12


def write_token(query: tuple[object, ...], *numbers: int) -> str:
    """Return the token of these numbers."""
    body = struct.pack(f">{len(numbers)}q", *numbers)
    return base64.urlsafe_b64encode(body + _check(query, body)).decode()


def read_token(query: tuple[object, ...], token: str, *, size: int) -> tuple[int, ...] | None:
    """Return the numbers of a token; None when this query did not make it."""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    body = raw[:-_CHECK_BYTES]
    if len(body) != 8 * size:
        return None
    numbers = struct.unpack(f">{size}q", body)
    return numbers if token == write_token(query, *numbers) else None


def _check(query: tuple[object, ...], body: bytes) -> bytes:
    return hashlib.sha256(to_json(query) + body).digest()[:_CHECK_BYTES]
