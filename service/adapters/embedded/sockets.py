"""A folder for a unix socket, whose path the system limits to about 100 bytes."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.adapters.private_files import private_folder

PORT = 5432
"""A part of the socket's name and nothing else: Postgres opens no TCP port."""

_LONGEST = 103
"""Bytes of a socket's path: sun_path without its closing zero, in its smaller size (104 on macOS, 108 on Linux)."""


@contextmanager
def socket_folder(wanted: Path) -> Iterator[Path]:
    """Yield `wanted`, emptied; in place of one too deep a private temporary folder, with `wanted` as a link to it."""
    _remove(wanted)
    if len(os.fsencode(wanted / f".s.PGSQL.{PORT}")) <= _LONGEST:
        folder = private_folder(wanted)
    else:
        # Under a name that nobody can foresee and take before us; the link lets the next start remove what a kill left.
        folder = Path(tempfile.mkdtemp(prefix="me-images-"))
        wanted.symlink_to(folder)
    try:
        yield folder
    finally:
        _remove(wanted)


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        shutil.rmtree(folder.readlink(), ignore_errors=True)
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
