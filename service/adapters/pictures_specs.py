"""What a photo may be, and what is made of it: the tables that the pool and its workers share."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.domain.limits import MAX_MEGAPIXELS, MAX_SIDE_PIXELS
from service.domain.model import MediaType, Rendition


@dataclass(frozen=True, slots=True)
class RenditionSpec:
    """How a rendition is made.

    ``longest_side`` in pixels, never reached by enlarging; ``qualities`` are tried in turn, 0 to 100 as the format
    counts them, until the picture has at most ``max_bytes``. A ``square`` one is the whole photo amid white.
    """

    media_type: MediaType
    longest_side: int
    qualities: tuple[int, ...]
    max_bytes: int
    square: bool = False

    def photo_size(self, width: int, height: int) -> tuple[int, int]:
        """Return the size in pixels that an upright photo of this size has in the rendition."""
        return fitted(width, height, self.longest_side)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return the size in pixels of the rendition of an upright photo of this size."""
        fit = self.photo_size(width, height)
        return (max(fit), max(fit)) if self.square else fit


_LOSSLESS = (100,)
_MAX_PNG_BYTES = 3_900_000
"""dall-e-2 takes less than 4 MB. 1024 x 1024 pixels of noise are 3.15 MB, so no photo fails by this."""

SPECS: Mapping[Rendition, RenditionSpec] = {
    Rendition.WEBP_320: RenditionSpec(MediaType.WEBP, 320, (80, 60, 40, 20, 5), 128 << 10),
    Rendition.PNG_1024: RenditionSpec(MediaType.PNG, 1024, _LOSSLESS, _MAX_PNG_BYTES),
    Rendition.JPEG_2048: RenditionSpec(MediaType.JPEG, 2048, (90, 80, 60, 40, 20), 4 << 20),
    Rendition.PNG_SQUARE_1024: RenditionSpec(MediaType.PNG, 1024, _LOSSLESS, _MAX_PNG_BYTES, square=True),
}
"""One row for each rendition. Noise of 2048 x 2048 pixels, the worst case, is a JPEG of 2.8 MB at quality 80."""


def within_gate(width: int, height: int) -> bool:
    """Tell whether a picture of so many pixels may be decoded."""
    longest, shortest = max(width, height), min(width, height)
    return shortest > 0 and longest <= MAX_SIDE_PIXELS and longest * shortest <= MAX_MEGAPIXELS * 1_000_000


def fitted(width: int, height: int, longest_side: int) -> tuple[int, int]:
    """Return the size in pixels of a picture shrunk to a longest side; a smaller one keeps its size."""
    longest = max(width, height)
    if longest <= longest_side:
        return width, height
    return max(1, round(width * longest_side / longest)), max(1, round(height * longest_side / longest))
