"""Page tokens: opaque, and good only for the list that made them.

Format: creation time in microseconds (8 bytes, big-endian), me_image_id (16), then the first 12 bytes of SHA-256
over the list's query and those 24 bytes; base64url. A token holds no secret and opens nothing: the query is
always the caller's own.
"""

import base64
import binascii
import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pydantic_core import to_json

from service.domain.errors import InvalidPageToken
from service.domain.model import MeImageId, UserId
from service.ports.records import ListFilter, ListPosition

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_POSITION_BYTES, _CHECK_BYTES = 24, 12


def page_token(user_id: UserId, which: ListFilter, position: ListPosition) -> str:
    """Return the token that continues after this position."""
    microseconds = (position.created_at - _EPOCH) // timedelta(microseconds=1)
    return _spelled(user_id, which, microseconds.to_bytes(8, "big") + position.me_image_id.bytes)


def position_of(user_id: UserId, which: ListFilter, token: str) -> ListPosition | None:
    """Return where to continue; None for the first page. Raises InvalidPageToken for a foreign token."""
    if not token:
        return None
    try:
        body = base64.b64decode(token, altchars=b"-_", validate=True)[:_POSITION_BYTES]
    except (binascii.Error, ValueError):
        raise InvalidPageToken from None
    if token != _spelled(user_id, which, body):
        raise InvalidPageToken
    try:
        created_at = _EPOCH + timedelta(microseconds=int.from_bytes(body[:8], "big"))
    except OverflowError:
        raise InvalidPageToken from None
    return ListPosition(created_at, MeImageId(UUID(bytes=body[8:])))


def _spelled(user_id: UserId, which: ListFilter, body: bytes) -> str:
    return base64.urlsafe_b64encode(body + _check(user_id, which, body)).decode()


def _check(user_id: UserId, which: ListFilter, body: bytes) -> bytes:
    query = to_json(["ListMeImages", user_id, sorted(which.kinds), which.ai_reference_only])
    return hashlib.sha256(query + body).digest()[:_CHECK_BYTES]
