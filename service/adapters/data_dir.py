"""The claim on a data folder: one process at a time works in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.adapters.private_files import private_folder

_LONGEST_ADDRESS = 300


class DataDirInUseError(Exception):
    """Another process holds the folder. The message says so in one sentence, with its address where that is known."""


class DataDirClaim:
    """A held claim. It ends with the context that gave it, or with the process, however that ends."""

    def __init__(self, lock: int) -> None:
        """Take over the descriptor of a file that is locked already."""
        self._lock = lock
        self.announce("")

    def announce(self, address: str) -> None:
        """Note where we listen (`host:port`), for the message that a second process gets."""
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, address.encode(), 0)


@contextmanager
def claimed(data_dir: Path) -> Iterator[DataDirClaim]:
    """Claim a folder; make it and close it to other users. Raises DataDirInUseError where another process holds it."""
    # Child processes do not inherit the descriptor: no orphan keeps the folder claimed.
    lock = os.open(private_folder(data_dir) / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataDirInUseError(_in_use(data_dir, os.pread(lock, _LONGEST_ADDRESS, 0).decode())) from None
        yield DataDirClaim(lock)
    finally:
        os.close(lock)


def _in_use(data_dir: Path, address: str) -> str:
    if not address:
        return f"me-images is being started by another process, with its data in {data_dir}."
    return f"me-images runs already at {address}, with its data in {data_dir}."
