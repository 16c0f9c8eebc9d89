"""The file of key-encryption keys.

One line for each epoch: its number, a space, and 32 bytes in base64. Empty lines and lines that begin with ``#`` are
passed over. The highest epoch wraps new user keys; the others only open.
"""

import base64
import binascii
import os
from collections.abc import Callable
from pathlib import Path

import structlog

from service.adapters.vault import KEY_BYTES

MAX_EPOCH = 2**32 - 1
REREAD_SECONDS = 1.0
"""How often a server looks whether the file has an epoch that it does not know."""


class UnusableKekFile(Exception):
    """The file cannot be read as key-encryption keys; the text names the line and never its content."""


def read_keks(path: Path) -> dict[int, bytes]:
    """Return the keys by epoch. Raises UnusableKekFile."""
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableKekFile(f"cannot read the KEK file: {type(error).__name__}") from None
    keks: dict[int, bytes] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            epoch, kek = _parse(line, number)
            if epoch in keks:
                raise UnusableKekFile(f"line {number}: an epoch that stands above already")
            keks[epoch] = kek
    if not keks:
        raise UnusableKekFile("no key in the KEK file")
    return keks


def _parse(line: str, number: int) -> tuple[int, bytes]:
    try:
        epoch_text, kek_text = line.split()
        epoch, kek = int(epoch_text), base64.b64decode(kek_text, validate=True)
    except (ValueError, binascii.Error):
        raise UnusableKekFile(f"line {number}: not an epoch and a key in base64") from None
    if not 1 <= epoch <= MAX_EPOCH or len(kek) != KEY_BYTES:
        raise UnusableKekFile(f"line {number}: an epoch from 1 and a key of 32 bytes are needed")
    return epoch, kek


class ReadAgain:
    """Reads the file again for an epoch that was added since the start, at most once in REREAD_SECONDS."""

    def __init__(self, path: Path, monotonic: Callable[[], float]) -> None:
        self._path = path
        self._monotonic = monotonic
        self._not_before = monotonic()

    def __call__(self) -> dict[int, bytes]:
        """Return the keys by epoch; nothing when it is too early, or when the file has become unusable."""
        if self._monotonic() < self._not_before:
            return {}
        self._not_before = self._monotonic() + REREAD_SECONDS
        try:
            keks = read_keks(self._path)
        except UnusableKekFile as error:
            structlog.get_logger().error("KEK file unusable", error=error)
            return {}
        structlog.get_logger().info("KEK file read again", epochs=sorted(keks))
        return keks


def write_first_kek(path: Path) -> None:
    """Write epoch 1 with a random key, readable by its owner alone. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"1 {base64.b64encode(os.urandom(KEY_BYTES)).decode()}\n")
