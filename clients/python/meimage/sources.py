"""A photo, read whole from whatever holds it: at most 10 MiB, and not a byte more is asked for."""

import asyncio
import inspect
import os
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import grpc

from meimage.errors import MeImageError

MAX_PHOTO_BYTES = 10 * 1024 * 1024
_READ_BYTES = 256 * 1024


@runtime_checkable
class Reader(Protocol):
    """Anything with a ``read``, asynchronous or not: an open file, a StreamReader, an upload of a web framework."""

    def read(self, size: int, /) -> bytes | Awaitable[bytes]:
        """Return at most ``size`` bytes, none at the end."""


Source = str | os.PathLike[str] | bytes | bytearray | memoryview | Reader | AsyncIterable[bytes] | Iterable[bytes]
"""A path, the bytes, or something that gives them piece by piece."""


@dataclass(frozen=True)
class Photo:
    """All bytes of a photo, and the name of its file where it came from one."""

    content: bytes = field(repr=False)
    name: str


async def read_photo(source: Source) -> Photo:
    """Read a photo.

    Raises:
        MeImageError: IMAGE_TOO_LARGE, as soon as there is one byte more than 10 MiB.
        OSError: the file cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return Photo(await asyncio.to_thread(_read_file, path), path.name)
    if isinstance(source, bytes | bytearray | memoryview):
        if len(source) > MAX_PHOTO_BYTES:
            raise _too_large()
        return Photo(bytes(source), "")
    content = bytearray()
    async for piece in _pieces(source):
        content += piece
        if len(content) > MAX_PHOTO_BYTES:
            raise _too_large()
    return Photo(bytes(content), "")


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_PHOTO_BYTES + 1)
    if len(content) > MAX_PHOTO_BYTES:
        raise _too_large()
    return content


async def _pieces(source: Reader | AsyncIterable[bytes] | Iterable[bytes]) -> AsyncIterator[bytes]:
    # Files and StreamReaders can be iterated, too, but by lines, which photos do not have.
    if isinstance(source, Reader):
        while True:
            piece = source.read(_READ_BYTES)
            read = await piece if inspect.isawaitable(piece) else piece
            if not read:
                return
            yield read
    elif isinstance(source, AsyncIterable):
        async for piece in source:
            yield piece
    else:
        for piece in source:
            yield piece


def _too_large() -> MeImageError:
    """Return what the server would say, in its words."""
    return MeImageError(grpc.StatusCode.INVALID_ARGUMENT, "IMAGE_TOO_LARGE", "The photo has more than 10 MiB.")
