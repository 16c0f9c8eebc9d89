"""Runs in a child process just before its program: ties its life to ours, and lets Postgres run when we are root.

Usage: python -I -S leash.py PARENT_PID ORPHAN_SIGNAL UID GID PROGRAM [ARGUMENT ...]

A script of its own and no `preexec_fn`: Python code between the fork and the exec of a process with threads (grpc,
uvloop) can deadlock. It imports next to nothing, to start in 20 ms. The numbers are those of linux/prctl.h,
linux/securebits.h and linux/capability.h; on other systems those steps are skipped.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_LINUX_CAPABILITY_VERSION_3 = 0x20080522


def main(arguments: list[str]) -> None:
    """Become another program. Raises OSError where the program or the user cannot be had."""
    parent, orphan_signal, uid, gid = (int(argument) for argument in arguments[:4])
    os.umask(0o077)
    if uid != os.geteuid():
        _become(uid, gid)
    # After the change of user, which clears it. It comes when the *thread* that forked us ends: the event loop's.
    _prctl(_PR_SET_PDEATHSIG, orphan_signal)
    if os.getppid() != parent:
        sys.exit("the parent died before its child was ready")
    os.execv(arguments[4], arguments[4:])  # noqa: S606 - to start what our own parent names, without a shell, is its purpose


def _become(uid: int, gid: int) -> None:
    """Be another user, who may still look into folders that root keeps to itself.

    Postgres refuses to run as root, and a venv or data folder under /root (0700) is closed to any other user. Opening
    those folders would change the machine for everybody; a copy of the binaries elsewhere could go stale or be tampered
    with. One capability, which this child alone has, leaves every permission as it is. Containers commonly withhold
    CAP_DAC_READ_SEARCH, the smaller of the two, but grant CAP_DAC_OVERRIDE.
    """
    # Without it access(2), by which Postgres looks for its own binary, disregards capabilities; and setuid drops them.
    _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        if _keep(1 << capability):
            _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)
            return
    _keep(0)  # works where every folder on the way is open; where not, Postgres says in its log which one is closed


def _keep(capabilities: int) -> bool:
    """Drop every capability but these. Returns False, with nothing changed, where we lack one of them."""
    if sys.platform != "linux":
        return False
    header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable: their lower 32 bits, then their upper
    sets = (ctypes.c_uint32 * 6)(capabilities, capabilities, capabilities, 0, 0, 0)
    return bool(ctypes.CDLL(None).capset(header, sets) == 0)


def _prctl(option: int, *values: int) -> None:
    """Ask the kernel for something. A refusal is passed over: the child works without, or says itself what it lacks."""
    if sys.platform == "linux":
        four = (*values, 0, 0, 0, 0)[:4]
        ctypes.CDLL(None).prctl(ctypes.c_int(option), *(ctypes.c_ulong(value) for value in four))


if __name__ == "__main__":
    main(sys.argv[1:])
