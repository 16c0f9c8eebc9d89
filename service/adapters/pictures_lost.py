"""The ways to lose a decoder process, and which of them speak against the photo that it had."""

import signal

_FROM_OUTSIDE = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})
"""No decoder ends so by itself: its time ends by SIGXCPU, its memory and its bugs by other signals or exit codes."""


class DecoderLost(Exception):
    """The process died, hung, or answered nonsense; it must be killed."""


class DecoderKilled(DecoderLost):
    """Somebody ended the process, perhaps the kernel for want of memory: the photo need not be the cause."""


def lost_by(returncode: int) -> DecoderLost:
    """Return what became of a process that ended; negative is the number of a signal, as ``subprocess`` counts."""
    return DecoderKilled() if returncode in _FROM_OUTSIDE else DecoderLost()
