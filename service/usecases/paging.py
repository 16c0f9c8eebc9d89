"""Page tokens of a list of me-images: the place of the last one shown."""

import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.domain.errors import InvalidPageToken
from service.domain.model import MeImageId, UserId
from service.ports.records import ListFilter, ListPosition
from service.usecases.tokens import read_token, write_token

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UUID = struct.Struct(">2q")


def page_token(user_id: UserId, which: ListFilter, position: ListPosition) -> str:
    """Return the token that continues after this position."""
    microseconds = (position.created_at - _EPOCH) // timedelta(microseconds=1)
    return write_token(_query(user_id, which), microseconds, *_UUID.unpack(position.me_image_id.bytes))


def position_of(user_id: UserId, which: ListFilter, token: str) -> ListPosition | None:
    """Return where to continue; None for the first page. Raises InvalidPageToken for a foreign token."""
    if not token:
        return None
    numbers = read_token(_query(user_id, which), token, size=3)
    if numbers is None:
        raise InvalidPageToken
    try:
        created_at = _EPOCH + timedelta(microseconds=numbers[0])
    except OverflowError:
        raise InvalidPageToken from None
    return ListPosition(created_at, MeImageId(UUID(bytes=_UUID.pack(*numbers[1:]))))


def _query(user_id: UserId, which: ListFilter) -> tuple[object, ...]:
    return ("ListMeImages", user_id, sorted(which.kinds), which.ai_reference_only, which.include_deleted)
