"""What a Postgres that was killed leaves behind: processes that are still ending, and a note of its process number."""

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path

from service.adapters.embedded.children import EmbeddedStoreError
from service.adapters.embedded.waiting import until

_SECONDS = 15.0


def mark(cluster: Path) -> str:
    """Return what the titles of all processes of this cluster carry, and those of no other process."""
    return f"me-images-{hashlib.sha256(os.fsencode(cluster.resolve())).hexdigest()[:16]}"


async def clear_away(cluster: Path) -> None:
    """Wait until an earlier run has ended, then remove its note. Raises EmbeddedStoreError after 15 s.

    Its processes end by themselves, within moments. The note must go because its number may be another process's by
    now, whom Postgres would take for its predecessor. Where processes outlive their parent (on other systems than
    Linux), it stays.
    """
    if sys.platform != "linux":
        return

    async def gone() -> bool:
        return not _running(mark(cluster).encode())

    if not await until(gone, _SECONDS):
        raise EmbeddedStoreError(f"another Postgres still uses {cluster}: its processes are titled {mark(cluster)}")
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _running(title: bytes) -> bool:
    # By the titles, which all may read: a process's working folder would tell, too, but not root in a container.
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            if title in process.read_bytes():
                return True
    return False
