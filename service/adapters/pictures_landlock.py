"""Landlock (Linux 5.13 and later): a ruleset without a rule, so that nothing is allowed any more.

No files, no TCP (interface 4), no signals and no abstract sockets (interface 6). Constants: linux/landlock.h;
the system call numbers are the same on every architecture.
"""

import ctypes
import os

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_ASK_VERSION = 1
_MAX_FILES_BIT = {1: 12, 2: 13, 3: 14, 4: 14}
"""The highest right to files by interface version: later versions add the ioctls of devices, bit 15."""
_TCP_BIND_CONNECT = 0b11
_ABSTRACT_SOCKETS_SIGNALS = 0b11


class _Ruleset(ctypes.Structure):
    """``struct landlock_ruleset_attr``; earlier interfaces take the first fields alone."""

    _fields_ = [("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


def restrict() -> list[str]:
    """Take away this thread's files, TCP and signals for good, and return the names of what held.

    no_new_privs must be set. Descriptors that are open already stay usable.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    if version < 1:
        return []
    rules = _Ruleset(files=(2 << _MAX_FILES_BIT.get(version, 15)) - 1)
    size, held = 8, ["landlock-files"]
    if version >= 4:
        rules.net, size = _TCP_BIND_CONNECT, 16
        held.append("landlock-tcp")
    if version >= 6:
        rules.scoped, size = _ABSTRACT_SOCKETS_SIGNALS, 24
        held.append("landlock-signals")
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return []
    refused = libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return [] if refused else held
