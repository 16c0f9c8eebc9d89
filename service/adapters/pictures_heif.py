"""HEIC by libheif, as pyvips-binary has no HEVC decoder: runs in a worker alone."""

from collections.abc import Mapping

import pillow_heif
import pyvips

from service.adapters.pictures_opened import Opened
from service.adapters.pictures_specs import within_gate
from service.domain.errors import TooManyPixels, UndecodableImage

HEIF_ERRORS = (ValueError, EOFError, SyntaxError, RuntimeError, OSError)
"""What pillow-heif says that it raises; lack of memory is none of them, and ends the worker."""

_MODES: Mapping[str, tuple[int, str]] = {
    "L": (1, "b-w"),
    "LA": (2, "b-w"),
    "RGB": (3, "srgb"),
    "RGBA": (4, "srgb"),
    "RGBa": (4, "srgb"),
}
"""Bands and interpretation of the 8-bit modes of pillow-heif."""


def configure() -> None:
    """Leave the extras of a HEIC undecoded, and use one thread: the pool has as many workers as it wants cores."""
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    pillow_heif.options.DECODE_THREADS = 1


def open_heic(photo: bytes) -> Opened:
    """See ``open_photo``. libheif turns the primary image by irot and imir; by ISO/IEC 23008-12 EXIF has no say."""
    try:
        heif = pillow_heif.open_heif(photo, convert_hdr_to_8bit=True)
        primary = heif[heif.primary_index]
        width, height = primary.size
    except HEIF_ERRORS:
        raise UndecodableImage from None
    if not within_gate(width, height):
        raise TooManyPixels

    def decode(_: int) -> pyvips.Image:
        primary.load()
        if primary.size != (width, height) or primary.mode not in _MODES:
            raise UndecodableImage
        bands, interpretation = _MODES[primary.mode]
        image = pyvips.Image.new_from_memory(primary.data, width, height, bands, "uchar")
        image = image.copy(interpretation=interpretation)
        if primary.premultiplied_alpha:
            image = image.unpremultiply().cast("uchar")
        profile = primary.info.get("icc_profile")
        if profile:
            image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
        return image

    return Opened((width, height), decode)


def has_movie(photo: bytes) -> bool:
    """Tell whether a top-level ``moov`` box, the tracks of an image sequence, is there (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at + 8 <= len(photo):
        size, name = int.from_bytes(photo[at : at + 4], "big"), photo[at + 4 : at + 8]
        if name == b"moov":
            return True
        if size == 1:
            size = int.from_bytes(photo[at + 8 : at + 16], "big")
        if size < 8:
            return False
        at += size
    return False
