"""A zip archive that is made while it is sent: nothing of it is kept but what was not taken yet."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo


class _Outlet:
    """What the archive writes to. It cannot tell or seek, so sizes and checksums stand behind each file."""

    def __init__(self) -> None:
        self.waiting = bytearray()

    def write(self, data: bytes, /) -> int:
        """Keep bytes until they are taken."""
        self.waiting += data
        return len(data)

    def flush(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


class Archive:
    """One file after another; what is written comes out in blocks of ``block_bytes``."""

    def __init__(self, block_bytes: int) -> None:
        self._outlet = _Outlet()
        self._zip = ZipFile(self._outlet, "w")
        self._block_bytes = block_bytes

    def file(self, name: str, at: datetime, *, is_compressed: bool) -> AbstractContextManager[IO[bytes]]:
        """Begin a file; it ends with the block."""
        about = ZipInfo(name, at.astimezone(UTC).timetuple()[:6])
        about.compress_type = ZIP_DEFLATED if is_compressed else ZIP_STORED
        about.external_attr = 0o600 << 16
        return self._zip.open(about, "w")

    def blocks(self) -> Iterator[bytes]:
        """Take whole blocks."""
        waiting = self._outlet.waiting
        while len(waiting) >= self._block_bytes:
            block = bytes(waiting[: self._block_bytes])
            del waiting[: self._block_bytes]
            yield block

    def rest(self) -> Iterator[bytes]:
        """End the archive and take all that is left."""
        self._zip.close()
        yield from self.blocks()
        if self._outlet.waiting:
            yield bytes(self._outlet.waiting)
