"""JPEG, PNG, WebP and AVIF by libvips: runs in a worker alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyvips

from service.adapters.pictures_opened import Opened
from service.adapters.pictures_specs import within_gate
from service.domain.errors import TooManyPixels, UndecodableImage, UnsupportedMediaType
from service.domain.model import MediaType

OVERSAMPLING = 2
"""A loader that shrinks while it reads leaves at least so many times the pixels that are needed on a side."""

_PNG_END = b"IEND\xaeB`\x82"
"""The name and the checksum of the last chunk: libpng is content without it once all rows are there."""


@dataclass(frozen=True, slots=True)
class _Loader:
    """``group`` is the class of libvips that holds the loader; ``load`` reads a header and decodes on demand.

    From a source, not from a buffer: pyvips copies a buffer for every load, 3 ms for 5 MB.
    """

    group: str
    load: Callable[..., pyvips.Image]


_LOADERS: Mapping[MediaType, _Loader] = {
    MediaType.JPEG: _Loader("VipsForeignLoadJpeg", pyvips.Image.jpegload_source),
    MediaType.PNG: _Loader("VipsForeignLoadPng", pyvips.Image.pngload_source),
    MediaType.WEBP: _Loader("VipsForeignLoadWebp", pyvips.Image.webpload_source),
    MediaType.AVIF: _Loader("VipsForeignLoadHeif", pyvips.Image.heifload_source),
}


def allow_only(media_type: MediaType) -> None:
    """Block every loader of libvips but that of this type: SVG and TIFF would load by default."""
    pyvips.operation_block_set("VipsForeignLoad", True)
    if media_type in _LOADERS:
        pyvips.operation_block_set(_LOADERS[media_type].group, False)
    pyvips.block_untrusted_set(True)


def open_by_vips(photo: bytes, media_type: MediaType) -> Opened:
    """See ``open_photo``. An APNG is its default image; of an Ultra HDR JPEG the gain map is left aside."""
    load = _LOADERS[media_type].load
    if media_type is MediaType.PNG and _PNG_END not in photo:
        raise UndecodableImage
    try:
        header = load(pyvips.Source.new_from_memory(photo), access="sequential", fail_on="truncated")
        pages = header.get("n-pages") if header.get_typeof("n-pages") else 1
        orientation = header.get("orientation") if header.get_typeof("orientation") else 1
    except pyvips.Error:
        raise UndecodableImage from None
    if media_type is MediaType.WEBP and pages != 1:
        raise UnsupportedMediaType
    if not within_gate(header.width, header.height):
        raise TooManyPixels

    def decode(longest_side: int) -> pyvips.Image:
        options = _shrink(media_type, max(header.width, header.height) / (longest_side * OVERSAMPLING))
        # thumbnail_buffer is not used: it does not hand fail_on to the loader (libvips 8.18), so a photo cut in half
        # passed, and it takes the embedded thumbnail of an AVIF for the photo, which it need not resemble.
        source = pyvips.Source.new_from_memory(photo)
        return load(source, access="sequential", fail_on="truncated", **options)

    if orientation in (5, 6, 7, 8):
        return Opened((header.height, header.width), decode)
    return Opened((header.width, header.height), decode)


def _shrink(media_type: MediaType, factor: float) -> Mapping[str, float]:
    """JPEG shrinks by 2, 4 or 8 in its inverse transform; WebP by any scale."""
    if media_type is MediaType.JPEG:
        return {"shrink": next(step for step in (8, 4, 2, 1) if step <= max(factor, 1))}
    if media_type is MediaType.WEBP and factor > 1:
        return {"scale": 1 / factor}
    return {}
