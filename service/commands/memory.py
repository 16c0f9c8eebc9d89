"""How the C library keeps the memory of photos."""

import ctypes
import sys

MIB = 1024 * 1024

# malloc.h of the GNU C library
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def keep_photo_pages() -> None:
    """Keep the pages of a photo for the next one.

    Left to itself, glibc gives them back and asks for them again with every upload, and the kernel zeroes them each
    time: a tenth of an upload's CPU. Other C libraries are left as they are.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 32 * MIB)
        mallopt(_M_TRIM_THRESHOLD, 64 * MIB)
