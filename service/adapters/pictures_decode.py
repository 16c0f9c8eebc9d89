"""From the bytes of a photo to an upright 8-bit sRGB picture: runs in a worker alone.

Imports the codecs, so nothing but ``pictures_worker`` and tests may import this module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pillow_heif
import pyvips

from service.adapters.pictures_specs import fitted, within_gate
from service.domain.errors import TooManyPixels, UndecodableImage, UnsupportedMediaType
from service.domain.model import MediaType

OVERSAMPLING = 2
"""A decoder that shrinks while it reads leaves at least so many times the pixels of the rendition on a side."""

_LOADERS: Mapping[MediaType, str] = {
    MediaType.JPEG: "VipsForeignLoadJpeg",
    MediaType.PNG: "VipsForeignLoadPng",
    MediaType.WEBP: "VipsForeignLoadWebp",
    MediaType.AVIF: "VipsForeignLoadHeif",
}
"""pyvips-binary has no HEVC decoder, hence no row for HEIC."""

_HEIF_MODES: Mapping[str, tuple[int, str]] = {
    "L": (1, "b-w"),
    "LA": (2, "b-w"),
    "RGB": (3, "srgb"),
    "RGBA": (4, "srgb"),
    "RGBa": (4, "srgb"),
}
"""Bands and interpretation of the 8-bit modes of pillow-heif."""

_PNG_END = b"IEND\xaeB`\x82"
"""The name and the checksum of the last chunk: libpng is content without it once all rows are there."""

_HEIF_ERRORS = (ValueError, EOFError, SyntaxError, RuntimeError, OSError)
"""What pillow-heif says that it raises."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A photo whose header passed the gate: its upright ``size`` in pixels, and how to decode it.

    ``decode`` takes the longest side in pixels that is needed, and returns the photo not smaller than that, unless
    it is smaller itself; lazily, not yet upright and in its own colours.
    """

    size: tuple[int, int]
    decode: Callable[[int], pyvips.Image]


def configure() -> None:
    """Keep no picture in memory after its task, and decode none of the extras of a HEIC."""
    pyvips.cache_set_max(0)
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    pillow_heif.options.DECODE_THREADS = 1


def open_photo(photo: bytes, media_type: MediaType) -> Opened:
    """Read the header with the loader of this type and none other; no pixel is decoded.

    Raises:
        UnsupportedMediaType, TooManyPixels: the header did not pass the gate.
        UndecodableImage: there is no such header.
    """
    _allow_only(media_type)
    if media_type in (MediaType.HEIC, MediaType.AVIF) and _has_movie(photo):
        raise UnsupportedMediaType
    if media_type is MediaType.HEIC:
        return _open_heic(photo)
    return _open_by_vips(photo, media_type)


def upright_srgb(opened: Opened, longest_side: int) -> pyvips.Image:
    """Decode a photo to the end and return it in memory: upright, 8-bit sRGB, three bands, alpha laid on white.

    Raises UndecodableImage: damaged, or cut off.
    """
    width, height = fitted(*opened.size, longest_side)
    try:
        image = _without_broken_profile(opened.decode(longest_side))
        image = image.thumbnail_image(width, height=height, size="force", output_profile="srgb")
        if image.interpretation != "srgb" or image.format != "uchar":
            image = image.colourspace("srgb").cast("uchar")
        if image.hasalpha():
            image = image.flatten(background=[255, 255, 255])
        return image.copy_memory()
    except (pyvips.Error, *_HEIF_ERRORS):
        raise UndecodableImage from None


def _allow_only(media_type: MediaType) -> None:
    pyvips.operation_block_set("VipsForeignLoad", True)
    loader = _LOADERS.get(media_type)
    if loader is not None:
        pyvips.operation_block_set(loader, False)
    pyvips.block_untrusted_set(True)


def _open_by_vips(photo: bytes, media_type: MediaType) -> Opened:
    loaders: Mapping[MediaType, Callable[..., pyvips.Image]] = {
        MediaType.JPEG: pyvips.Image.jpegload_buffer,
        MediaType.PNG: pyvips.Image.pngload_buffer,
        MediaType.WEBP: pyvips.Image.webpload_buffer,
        MediaType.AVIF: pyvips.Image.heifload_buffer,
    }
    load = loaders[media_type]
    if media_type is MediaType.PNG and _PNG_END not in photo:
        raise UndecodableImage
    try:
        header = load(photo, access="sequential", fail_on="truncated")
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
        return load(photo, access="sequential", fail_on="truncated", **options)

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


def _open_heic(photo: bytes) -> Opened:
    """libheif turns the primary image by its irot and imir boxes; by ISO/IEC 23008-12 EXIF has no say."""
    try:
        heif = pillow_heif.open_heif(photo, convert_hdr_to_8bit=True)
        primary = heif[heif.primary_index]
        width, height = primary.size
    except _HEIF_ERRORS:
        raise UndecodableImage from None
    if not within_gate(width, height):
        raise TooManyPixels

    def decode(_: int) -> pyvips.Image:
        primary.load()
        if primary.size != (width, height) or primary.mode not in _HEIF_MODES:
            raise UndecodableImage
        bands, interpretation = _HEIF_MODES[primary.mode]
        image = pyvips.Image.new_from_memory(primary.data, width, height, bands, "uchar")
        image = image.copy(interpretation=interpretation)
        if primary.premultiplied_alpha:
            image = image.unpremultiply().cast("uchar")
        profile = primary.info.get("icc_profile")
        if profile:
            image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
        return image

    return Opened((width, height), decode)


def _has_movie(photo: bytes) -> bool:
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


def _without_broken_profile(image: pyvips.Image) -> pyvips.Image:
    """Ignore a profile that cannot be applied; one pixel tells, before the photo is decoded."""
    if not image.get_typeof("icc-profile-data"):
        return image
    pixel = pyvips.Image.black(1, 1, bands=image.bands).cast(image.format).copy(interpretation=image.interpretation)
    pixel.set_type(pyvips.GValue.blob_type, "icc-profile-data", image.get("icc-profile-data"))
    try:
        pixel.icc_transform("srgb", embedded=True).avg()
    except pyvips.Error:
        image = image.copy()
        image.remove("icc-profile-data")
    return image
