"""From an upright picture to the bytes of a rendition, which say nothing but pixels: runs in a worker alone."""

from collections.abc import Callable, Mapping

import pyvips

from service.adapters.pictures_specs import RenditionSpec
from service.domain.errors import UndecodableImage
from service.domain.model import MediaType

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = frozenset({b"IHDR", b"IDAT", b"IEND"})
_JPEG_START = b"\xff\xd8"
_JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
"""Version 1.1, square pixels, no thumbnail (ITU-T T.871): the colours are those of every photo, whoever reads it."""


def encode(image: pyvips.Image, spec: RenditionSpec) -> bytes:
    """Return the picture in the first quality that makes it small enough. Raises UndecodableImage when none does."""
    for quality in spec.qualities:
        data = _SAVERS[spec.media_type](image, quality)
        if len(data) <= spec.max_bytes:
            return data
    raise UndecodableImage


def _webp(image: pyvips.Image, quality: int) -> bytes:
    data: bytes = image.webpsave_buffer(Q=quality, keep="none")
    return data


def _png(image: pyvips.Image, _: int) -> bytes:
    """Level 2 makes photos a third smaller than level 1 for 10 ms more; other filters are no better.

    libvips writes the resolution of the photo, even where it is told to keep nothing.
    """
    return _without_extras(image.pngsave_buffer(compression=2, filter="up", bitdepth=8, keep="none"))


def _jpeg(image: pyvips.Image, quality: int) -> bytes:
    """Baseline, the one coding that every reader knows; colours in full resolution from quality 90 on."""
    data: bytes = image.jpegsave_buffer(Q=quality, subsample_mode="auto", interlace=False, keep="none")
    return data if data.startswith(_JFIF, 2) else _JPEG_START + _JFIF + data[2:]


def _without_extras(png: bytes) -> bytes:
    """Leave the pixels alone of a PNG."""
    parts, at = [_PNG_SIGNATURE], len(_PNG_SIGNATURE)
    while at < len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] in _PNG_PIXELS:
            parts.append(png[at:end])
        at = end
    return b"".join(parts)


_SAVERS: Mapping[MediaType, Callable[[pyvips.Image, int], bytes]] = {
    MediaType.WEBP: _webp,
    MediaType.PNG: _png,
    MediaType.JPEG: _jpeg,
}
"""One row for each format that renditions are made in; ``keep="none"`` drops EXIF, XMP, ICC and all else."""
