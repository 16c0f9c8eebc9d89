"""Seccomp: a filter that refuses the system calls a decoder has no business with.

A list of refusals, not of permissions: which calls an allocator or a codec makes changes with every release of its
library, and the sockets, programs, signals and debugging taken away here are what an escape needs. Constants:
linux/seccomp.h, linux/filter.h, and each architecture's asm/unistd.h.
"""

import ctypes
import errno
import os
import platform
from dataclasses import dataclass

_SET_MODE_FILTER, _FLAG_ALL_THREADS = 1, 1
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
"""Offsets in ``struct seccomp_data``."""
_CLONE_THREAD = 0x10000
_X32_CALLS = 0x40000000


@dataclass(frozen=True, slots=True)
class _Machine:
    """System calls of one architecture; ``refused`` are those it does not share with the others."""

    audit: int
    seccomp: int
    clone: int
    refused: tuple[int, ...]


# pidfd_send_signal, io_uring_setup, _enter, _register, open_tree, move_mount, fsopen, pidfd_open, openat2, pidfd_getfd,
# process_madvise: from 424 on a call has the same number on every architecture.
_REFUSED_EVERYWHERE = (424, 425, 426, 427, 428, 429, 430, 434, 437, 438, 440)
_CLONE3 = 435
_MACHINES = {
    "x86_64": _Machine(
        0xC000003E,
        317,
        56,
        (
            # open openat creat open_by_handle_at name_to_handle_at
            *(2, 257, 85, 304, 303),
            # socket connect accept sendto sendmsg bind listen socketpair accept4 sendmmsg
            *(41, 42, 43, 44, 46, 49, 50, 53, 288, 307),
            # fork vfork execve execveat kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo
            *(57, 58, 59, 322, 62, 200, 234, 129, 297),
            # ptrace process_vm_readv process_vm_writev kcmp
            *(101, 310, 311, 312),
            # rename unlink mkdir rmdir link symlink chmod chown lchown truncate and their *at forms
            *(82, 87, 83, 84, 86, 88, 90, 92, 94, 76, 264, 316, 263, 258, 265, 266, 268, 260),
            # mount umount2 pivot_root chroot unshare setns bpf perf_event_open userfaultfd add_key request_key keyctl
            *(165, 166, 155, 161, 272, 308, 321, 298, 323, 248, 249, 250),
        ),
    ),
    "aarch64": _Machine(
        0xC00000B7,
        277,
        220,
        (
            # openat open_by_handle_at name_to_handle_at
            *(56, 265, 264),
            # socket socketpair bind listen accept connect sendto sendmsg accept4 sendmmsg
            *(198, 199, 200, 201, 202, 203, 206, 211, 242, 269),
            # execve execveat kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo
            *(221, 281, 129, 130, 131, 138, 240),
            # ptrace process_vm_readv process_vm_writev kcmp
            *(117, 270, 271, 272),
            # mkdirat unlinkat symlinkat linkat renameat renameat2 truncate fchmodat fchownat
            *(34, 35, 36, 37, 38, 276, 45, 53, 54),
            # umount2 mount pivot_root chroot unshare setns bpf perf_event_open userfaultfd add_key request_key keyctl
            *(39, 40, 41, 51, 97, 268, 280, 241, 282, 217, 218, 219),
        ),
    ),
}


class _Instruction(ctypes.Structure):
    """``struct sock_filter``."""

    _fields_ = [
        ("code", ctypes.c_uint16),
        ("jump_true", ctypes.c_uint8),
        ("jump_false", ctypes.c_uint8),
        ("operand", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = [("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction))]


def install() -> None:
    """Refuse those calls from now on, in every thread. no_new_privs must be set. Raises OSError where that fails."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    code = _filter(machine)
    program = _Program(len(code), (_Instruction * len(code))(*code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(machine.seccomp, _SET_MODE_FILTER, _FLAG_ALL_THREADS, ctypes.byref(program)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _filter(machine: _Machine) -> list[_Instruction]:
    refuse = _Instruction(_RETURN, 0, 0, _REFUSE | errno.EACCES)
    code = [
        _Instruction(_LOAD, 0, 0, _ARCHITECTURE_AT),
        _Instruction(_IF_EQUAL, 1, 0, machine.audit),
        refuse,
        _Instruction(_LOAD, 0, 0, _NUMBER_AT),
        _Instruction(_IF_AT_LEAST, 0, 1, _X32_CALLS),
        refuse,
        # The flags of clone3 lie behind a pointer; told that it is missing, the C library falls back to clone.
        _Instruction(_IF_EQUAL, 0, 1, _CLONE3),
        _Instruction(_RETURN, 0, 0, _REFUSE | errno.ENOSYS),
    ]
    for number in (*machine.refused, *_REFUSED_EVERYWHERE):
        code += [_Instruction(_IF_EQUAL, 0, 1, number), refuse]
    # Threads are needed, processes are not.
    code += [
        _Instruction(_IF_EQUAL, 0, 3, machine.clone),
        _Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        _Instruction(_IF_BITS, 1, 0, _CLONE_THREAD),
        refuse,
        _Instruction(_RETURN, 0, 0, _ALLOW),
    ]
    return code
