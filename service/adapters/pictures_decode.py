"""From the bytes of a photo to an upright 8-bit sRGB picture: runs in a worker alone."""

from collections.abc import Mapping

import pyvips

from service.adapters import pictures_heif
from service.adapters.pictures_heif import HEIF_ERRORS, has_movie, open_heic
from service.adapters.pictures_opened import Opened
from service.adapters.pictures_specs import fitted
from service.adapters.pictures_vips import allow_only, open_by_vips
from service.domain.errors import UndecodableImage, UnsupportedMediaType
from service.domain.model import MediaType

_PROFILE = "icc-profile-data"
_PROFILE_COLOURS = slice(16, 20)
_COLOURS: Mapping[str, bytes] = {"b-w": b"GRAY", "grey16": b"GRAY", "cmyk": b"CMYK"}
"""What a profile says of the colours that it is for, in those bytes (ICC.1, 7.2.6); by interpretation of libvips."""


def configure() -> None:
    """Set up the codecs; libvips keeps no picture in memory after its task."""
    pyvips.cache_set_max(0)
    pictures_heif.configure()


def open_photo(photo: bytes, media_type: MediaType) -> Opened:
    """Read the header with the loader of this type and none other; no pixel is decoded.

    Raises:
        UnsupportedMediaType, TooManyPixels: the header did not pass the gate.
        UndecodableImage: there is no such header.
    """
    allow_only(media_type)
    if media_type in (MediaType.HEIC, MediaType.AVIF) and has_movie(photo):
        raise UnsupportedMediaType
    if media_type is MediaType.HEIC:
        return open_heic(photo)
    return open_by_vips(photo, media_type)


def upright_srgb(opened: Opened, longest_side: int) -> pyvips.Image:
    """Decode a photo to its end; the picture, shrunk to a longest side in pixels, has three bands in memory.

    Alpha is laid on white. Raises UndecodableImage: damaged, or cut off.
    """
    width, height = fitted(*opened.size, longest_side)
    try:
        image = _without_broken_profile(opened.decode(longest_side))
        # Pixels that are sRGB by default, as most photos' are, need no transform, which costs more than the shrinking.
        is_srgb = image.interpretation == "srgb" and not image.get_typeof(_PROFILE)
        profile = {} if is_srgb else {"output_profile": "srgb"}
        image = image.thumbnail_image(width, height=height, size="force", **profile)
        if image.interpretation != "srgb" or image.format != "uchar":
            image = image.colourspace("srgb").cast("uchar")
        if image.hasalpha():
            image = image.flatten(background=[255, 255, 255])
        return image.copy_memory()
    except (pyvips.Error, *HEIF_ERRORS):
        raise UndecodableImage from None


def _without_broken_profile(image: pyvips.Image) -> pyvips.Image:
    """Ignore a profile that cannot be applied; one pixel tells, before the photo is decoded.

    One of other colours than the photo's is not tried: a transform of three bands would take XYZ for RGB.
    """
    if not image.get_typeof(_PROFILE):
        return image
    colours = image.get(_PROFILE)[_PROFILE_COLOURS]
    if colours != _COLOURS.get(image.interpretation, b"RGB "):
        return _without_profile(image)
    pixel = pyvips.Image.black(1, 1, bands=image.bands).cast(image.format).copy(interpretation=image.interpretation)
    pixel.set_type(pyvips.GValue.blob_type, _PROFILE, image.get(_PROFILE))
    try:
        pixel.icc_transform("srgb", embedded=True).avg()
    except pyvips.Error:
        return _without_profile(image)
    return image


def _without_profile(image: pyvips.Image) -> pyvips.Image:
    image = image.copy()
    image.remove(_PROFILE)
    return image
