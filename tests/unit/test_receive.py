"""Counting and hashing what arrives, and stopping where it must stop."""

import hashlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.errors import DigestMismatch, ImageTooLarge, MeImageError, UploadEmpty
from service.domain.limits import MAX_PHOTO_BYTES
from service.domain.model import UserId
from service.usecases.receive import UploadHeader, receive

MIB = bytes(1024 * 1024)


class Chunks:
    """Chunks that count how many of them were taken."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.taken += 1
            yield chunk


def header(size_bytes: int | None = None, sha256: str | None = None) -> UploadHeader:
    return UploadHeader(UserId("ada"), "", sha256, size_bytes, None, None)


@given(parts=st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=8))
async def test_what_arrives_is_joined_and_hashed(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    sha256 = hashlib.sha256(whole).hexdigest()
    photo = await receive(header(len(whole), sha256), aiter(Chunks(*parts)))
    assert (photo.content, photo.sha256) == (whole, sha256)


async def test_ten_mebibytes_are_taken() -> None:
    photo = await receive(header(MAX_PHOTO_BYTES), aiter(Chunks(*[MIB] * 10)))
    assert len(photo.content) == MAX_PHOTO_BYTES


@pytest.mark.parametrize(
    ("announced", "chunks", "refused", "taken"),
    [
        (header(), (), UploadEmpty, 0),
        (header(), [MIB] * 10 + [b"x"] * 5, ImageTooLarge, 11),
        (header(MAX_PHOTO_BYTES + 1), [MIB], ImageTooLarge, 0),
        (header(2**31 - 1), [MIB], ImageTooLarge, 0),
        (header(3), [b"ab", b"cd", b"ef", b"gh"], DigestMismatch, 2),
        (header(5), [b"ab", b"cd"], DigestMismatch, 2),
        (header(None, "0" * 64), [b"ab"], DigestMismatch, 1),
    ],
    ids=["empty", "11th", "announced", "announced much", "more", "less", "other"],
)
async def test_what_is_refused_is_not_read_to_its_end(
    announced: UploadHeader, chunks: list[bytes], refused: type[MeImageError], taken: int
) -> None:
    arriving = Chunks(*chunks)
    with pytest.raises(refused):
        await receive(announced, aiter(arriving))
    assert arriving.taken == taken
