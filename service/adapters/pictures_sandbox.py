"""The fences around a decoder, put up by the decoder itself before it reads a photo.

Two steps, because libraries load files while they are imported: ``limit`` first, ``lock`` when all is loaded. Both
return the fences that held; on a kernel without one of the optional fences its name is missing, and the pool
shows that.
"""

import ctypes
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from service.adapters import pictures_landlock, pictures_seccomp

REQUIRED = frozenset({"rlimits", "dies-with-parent", "no-new-privs", "not-dumpable"})
"""Without these no photo is decoded."""

OPTIONAL = frozenset({"oom-first", "landlock-files", "landlock-tcp", "landlock-signals", "seccomp"})
"""These depend on the kernel, or on the container that the server runs in."""

MAX_OPEN_FILES = 16

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38


def limit(memory_bytes: int) -> tuple[str, ...]:
    """Bound memory, files and core dumps, and die with the parent. ``memory_bytes`` counts address space."""
    held = ["rlimits", "dies-with-parent", "no-new-privs"]
    for name, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
    ):
        resource.setrlimit(name, (value, value))
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if _held(_be_the_first_to_go):
        held.append("oom-first")
    return tuple(held)


def lock() -> tuple[str, ...]:
    """Take away files, sockets, programs and signals for good; what is open stays open.

    Must run while the process has one thread: a thread that exists already would stay outside.
    """
    threads = len(list(Path("/proc/self/task").iterdir()))
    _prctl(_PR_SET_DUMPABLE, 0)
    held = ["not-dumpable"]
    if threads != 1:
        return tuple(held)
    held += pictures_landlock.restrict()
    if _held(pictures_seccomp.install):
        held.append("seccomp")
    return tuple(held)


def renew_cpu(seconds: int) -> None:
    """Allow so many seconds of CPU time from now on; the kernel kills the process (SIGXCPU) when they are spent."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, hard))


def _held(fence: Callable[[], None]) -> bool:
    try:
        fence()
    except OSError:
        return False
    return True


def _be_the_first_to_go() -> None:
    """When memory is short a decoder is cheaper to lose than the server (proc_pid_oom_score_adj(5))."""
    if sys.platform == "linux":
        Path("/proc/self/oom_score_adj").write_text("1000")


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    words = (ctypes.c_ulong(word) for word in (value, 0, 0, 0))
    if libc.prctl(ctypes.c_int(option), *words) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
