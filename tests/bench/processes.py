"""What a tree of processes has used: CPU time and memory, as Linux counts them."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

MIB = 1024 * 1024
SAMPLE_SECONDS = 0.02


class ProcessTree:
    """A process and everything below it, as it is whenever it is asked."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    def cpu_seconds(self) -> float:
        """CPU seconds, user and system, of all that run and of all that have ended and were waited for."""
        total = 0.0
        for process in self._all():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def memory_mib(self) -> float:
        """Proportional resident memory of all, in MiB: a page that several share counts once.

        Where the kernel does not show that of a fenced decoder to us, its whole resident memory counts instead.
        """
        return sum(_memory_kib(process.pid) for process in self._all()) / 1024

    def _all(self) -> list[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]


class Peak:
    """The most memory that was seen."""

    def __init__(self) -> None:
        self.mib = 0.0
        self.samples = 0

    def see(self, mib: float) -> None:
        """Take a sample."""
        self.mib = max(self.mib, mib)
        self.samples += 1


@asynccontextmanager
async def watched_memory(tree: ProcessTree) -> AsyncIterator[Peak]:
    """Sample the memory of a tree every 20 ms while the block runs."""
    peak = Peak()

    async def sample() -> None:
        while True:
            peak.see(await asyncio.to_thread(tree.memory_mib))
            await asyncio.sleep(SAMPLE_SECONDS)

    sampling = asyncio.create_task(sample())
    try:
        yield peak
    finally:
        sampling.cancel()
        with suppress(asyncio.CancelledError):
            await sampling


def _memory_kib(pid: int) -> int:
    """PSS of one process, or RSS; 0 for one that has just ended."""
    folder = Path("/proc", str(pid))
    try:
        with suppress(PermissionError):
            for line in (folder / "smaps_rollup").read_text("ascii").splitlines():
                if line.startswith("Pss:"):
                    return int(line.split()[1])
        pages = int((folder / "statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024
    except (FileNotFoundError, ProcessLookupError):
        return 0
