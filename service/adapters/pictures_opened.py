"""What the openers of the formats have in common: runs in a worker alone."""

from collections.abc import Callable
from dataclasses import dataclass

import pyvips


@dataclass(frozen=True, slots=True)
class Opened:
    """A photo whose header passed the gate: its upright ``size`` in pixels, and how to decode it.

    ``decode`` takes the longest side in pixels that is needed, and returns the photo not smaller than that, unless
    it is smaller itself; lazily, not yet upright and in its own colours.
    """

    size: tuple[int, int]
    decode: Callable[[int], pyvips.Image]
