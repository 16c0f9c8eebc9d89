"""Adding an epoch to the file of key-encryption keys: whole or not at all, and never at the price of an older one."""

import base64
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.adapters.keks import MAX_EPOCH, UnusableKekFile, read_keks
from service.adapters.private_files import write_private
from service.adapters.vault import KEY_BYTES


@dataclass(frozen=True, slots=True)
class NewKek:
    """What was added, and what the file holds now."""

    epoch: int
    epochs: tuple[int, ...]


def add_kek(path: Path) -> NewKek:
    """Add the next epoch with a random key; make the file (0600) where there is none.

    A reader, or a start after a crash, finds the file as it was or with the new line. Two at once take turns.

    Raises UnusableKekFile: for what is no file of keys, or is open to other users, or belongs to another one.
    """
    try:
        with _held(path.absolute().parent) as folder:
            text = _kept(path)
            epochs = tuple(sorted(read_keks(path))) if text else ()
            epoch = max(epochs, default=0) + 1
            if epoch > MAX_EPOCH:
                raise UnusableKekFile("the KEK file has the highest epoch that there is")
            kek = base64.b64encode(os.urandom(KEY_BYTES)).decode()
            write_private(path, f"{text}{epoch} {kek}\n")
            os.fsync(folder)
    except OSError as error:
        raise UnusableKekFile(f"cannot write the KEK file: {type(error).__name__}") from None
    return NewKek(epoch, (*epochs, epoch))


@contextmanager
def _held(folder: Path) -> Iterator[int]:
    """Lock a folder, because the file itself is replaced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _kept(path: Path) -> str:
    """Return the lines to keep; nothing where there is no file yet."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return ""
    if stat.S_ISLNK(found.st_mode):
        raise UnusableKekFile("the KEK file is a symbolic link; name the file itself")
    if not stat.S_ISREG(found.st_mode):
        raise UnusableKekFile("the KEK file is no regular file")
    if found.st_nlink > 1:
        raise UnusableKekFile("the KEK file has a second name (a hard link), which would keep the old content")
    if found.st_uid != os.geteuid():
        raise UnusableKekFile("the KEK file belongs to another user; run this as that user")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise UnusableKekFile("the KEK file is open to other users; close it first: chmod 600")
    try:
        text = path.read_text("ascii")
    except UnicodeDecodeError:
        raise UnusableKekFile("the KEK file is not text") from None
    return text if text.endswith("\n") else text + "\n"
