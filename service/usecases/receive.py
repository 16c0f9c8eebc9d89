"""Receiving the bytes of an upload."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from service.domain.errors import DigestMismatch, ImageTooLarge, UploadEmpty
from service.domain.limits import MAX_PHOTO_BYTES
from service.domain.model import NewMeImage, RequestId, UserId


@dataclass(frozen=True, slots=True)
class UploadHeader:
    """What the caller says of the bytes to come; ``sha256`` and ``size_bytes`` are checked where given."""

    user_id: UserId
    filename: str
    sha256: str | None
    size_bytes: int | None
    request_id: RequestId | None
    new_me_image: NewMeImage | None


@dataclass(frozen=True, slots=True)
class Photo:
    """The received bytes of one upload and their SHA-256 in lower-case hex."""

    content: bytes
    sha256: str


async def receive(header: UploadHeader, chunks: AsyncIterator[bytes]) -> Photo:
    """Read all bytes, counting and hashing.

    Raises:
        ImageTooLarge: at the first byte past 10 MiB, or at once when the header announces that many.
        UploadEmpty: no byte came.
        DigestMismatch: the header announced other bytes; at the first byte past the announced size, because only
            so many have a place in memory.
    """
    if (header.size_bytes or 0) > MAX_PHOTO_BYTES:
        raise ImageTooLarge
    parts: list[bytes] = []
    size, digest = 0, hashlib.sha256()
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_PHOTO_BYTES:
            raise ImageTooLarge
        if size > (header.size_bytes or MAX_PHOTO_BYTES):
            raise DigestMismatch
        digest.update(chunk)
        parts.append(chunk)
    if not size:
        raise UploadEmpty
    sha256 = digest.hexdigest()
    if header.sha256 not in {None, sha256} or header.size_bytes not in {None, size}:
        raise DigestMismatch
    return Photo(b"".join(parts), sha256)
