"""The photos that image models refuse, or show wrongly, and what must be seen of each once it was rendered."""

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PIL import Image, ImageCms

from service.domain.model import MediaType
from tests import pictures as photos
from tests.arithmetic_jpeg import arithmetic_jpeg
from tests.pictures import BLUE, GREEN, QUADRANTS, RED, YELLOW, Colour, marker, saved

AVIF, HEIC, JPEG, PNG, WEBP = MediaType.AVIF, MediaType.HEIC, MediaType.JPEG, MediaType.PNG, MediaType.WEBP
WHITE = (255, 255, 255)
RIGHT_HALF = (WHITE, GREEN, WHITE, YELLOW)


@dataclass(frozen=True, slots=True)
class OddPicture:
    """A photo: ``size`` is upright, in pixels; ``colours`` are those in the middle of its four quadrants.

    ``tolerance`` is the most by which a band may differ there, 0 to 255: print colours are a matter of opinion.
    """

    name: str
    make: Callable[[], bytes]
    media_type: MediaType
    colours: tuple[Colour, ...] = QUADRANTS
    size: tuple[int, int] = (64, 48)
    tolerance: int = 10


def _rgb(pixels: Image.Image) -> tuple[Colour, ...]:
    data = pixels.convert("RGB").tobytes()
    return tuple((data[at], data[at + 1], data[at + 2]) for at in range(0, len(data), 3))


def _as_display_p3(pixels: Image.Image) -> tuple[Colour, ...]:
    """What the bytes of some pixels look like when Display P3 is what they mean; by another library than ours."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(photos.display_p3()))
    converted = ImageCms.profileToProfile(pixels, profile, ImageCms.createProfile("sRGB"))
    assert converted is not None
    return _rgb(converted)


GREYS = _rgb(marker(2, 2).convert("L"))
_LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
_XYZ = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
P3 = _as_display_p3(marker(2, 2))


def _with_chunk(png: bytes, name: bytes, body: bytes) -> bytes:
    """A PNG with a chunk right behind its header."""
    return png[:33] + photos.chunk(name, body) + png[33:]


def _deep_p3() -> bytes:
    return _with_chunk(photos.deep_png(), b"iCCP", b"P3\0\0" + zlib.compress(photos.display_p3()))


def _palette(**options: object) -> bytes:
    return saved(marker(64, 48).quantize(4), "PNG", **options)


def _clear_from_palette() -> bytes:
    """The palette's entry of RED is transparent."""
    image = marker(64, 48).quantize(4)
    alphas = bytearray(b"\xff" * 4)
    alphas[image.tobytes()[0]] = 0
    return saved(image, "PNG", transparency=bytes(alphas), bits=2)


def _clear_by_colour() -> bytes:
    """Every pixel of RED is transparent, by a tRNS chunk (ISO/IEC 15948, 11.3.2)."""
    return saved(marker(64, 48), "PNG", transparency=RED)


def _clear(format_: str, **options: object) -> bytes:
    with Image.open(io.BytesIO(photos.transparent_png())) as image:
        return saved(image, format_, **options)


ODD_PICTURES = (
    OddPicture("cmyk-jpeg", photos.cmyk_jpeg, JPEG, tolerance=70),
    OddPicture("grey-jpeg", lambda: saved(marker(64, 48).convert("L"), "JPEG", quality=95), JPEG, GREYS),
    OddPicture("rgb-jpeg", lambda: saved(marker(64, 48), "JPEG", quality=95, keep_rgb=True), JPEG),
    OddPicture("progressive-jpeg", partial(photos.jpeg, progressive=True), JPEG),
    OddPicture("arithmetic-jpeg", arithmetic_jpeg, JPEG, size=(16, 16)),
    *(OddPicture(f"jpeg-turned-{turn}", partial(photos.jpeg, orientation=turn), JPEG) for turn in range(1, 9)),
    *(OddPicture(f"heic-turned-{turn}", partial(photos.turned_heic, turn), HEIC) for turn in range(1, 9)),
    OddPicture("large-turned-jpeg", partial(photos.jpeg, 2400, 1600, 6), JPEG, size=(2400, 1600)),
    OddPicture("palette-png", _palette, PNG),
    OddPicture("transparent-palette-png", _clear_from_palette, PNG, (WHITE, GREEN, BLUE, YELLOW)),
    OddPicture("transparent-colour-png", _clear_by_colour, PNG, (WHITE, GREEN, BLUE, YELLOW)),
    OddPicture("16-bit-png", photos.deep_png, PNG),
    OddPicture("16-bit-grey-png", partial(photos.deep_png, 1), PNG, GREYS),
    OddPicture("16-bit-alpha-png", partial(photos.interlaced_png, mode="RGBA"), PNG),
    OddPicture("grey-png", partial(photos.png, "L"), PNG, GREYS),
    OddPicture("grey-alpha-png", partial(photos.transparent_png, "LA"), PNG, (WHITE, GREYS[1], WHITE, GREYS[3])),
    OddPicture("alpha-png", photos.transparent_png, PNG, RIGHT_HALF),
    OddPicture("apng", partial(photos.animated, "PNG"), PNG),
    OddPicture("png-with-gamma", lambda: _with_chunk(photos.png(), b"gAMA", (100_000).to_bytes(4, "big")), PNG),
    OddPicture("alpha-webp", partial(_clear, "WEBP", lossless=True), WEBP, RIGHT_HALF),
    OddPicture("heic", partial(photos.heic, [marker(64, 48)]), HEIC),
    OddPicture("alpha-heic", photos.transparent_heic, HEIC, RIGHT_HALF),
    OddPicture("avif", photos.avif, AVIF),
    OddPicture("turned-avif", partial(photos.avif, orientation=6), AVIF),
    OddPicture("alpha-avif", partial(_clear, "AVIF"), AVIF, RIGHT_HALF),
    *(
        OddPicture(f"display-p3-{name}", partial(make, icc_profile=photos.display_p3()), media_type, P3)
        for name, make, media_type in (
            ("jpeg", photos.jpeg, JPEG),
            ("png", photos.png, PNG),
            ("palette-png", _palette, PNG),
            ("webp", photos.webp, WEBP),
            ("avif", photos.avif, AVIF),
            ("heic", photos.heic_with_profile, HEIC),
        )
    ),
    OddPicture("display-p3-16-bit-png", _deep_p3, PNG, P3),
    *(
        OddPicture(f"{name}-profile-{kind}", partial(make, icc_profile=profile), media_type)
        for kind, make, media_type in (("jpeg", photos.jpeg, JPEG), ("png", photos.png, PNG))
        for name, profile in (
            ("junk", b"junk" * 50),
            ("cut", photos.display_p3()[:200]),
            ("lab", _LAB),
            ("xyz", _XYZ),
        )
    ),
    OddPicture("tiny", lambda: saved(Image.new("RGB", (1, 1), BLUE), "PNG"), PNG, (BLUE,) * 4, (1, 1)),
    OddPicture("tall", lambda: saved(marker(1, 16_384), "PNG"), PNG, (GREEN, GREEN, YELLOW, YELLOW), (1, 16_384)),
    OddPicture("wide", lambda: saved(marker(16_384, 1), "PNG"), PNG, (BLUE, YELLOW, BLUE, YELLOW), (16_384, 1)),
)
"""Taken, and rendered for every generator."""

REFUSED_PICTURES = (
    OddPicture("lossless-arithmetic-jpeg", photos.unknown_coding_jpeg, JPEG),
    OddPicture("12-bit-jpeg", lambda: photos.jpeg().replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c", 1), JPEG),
    OddPicture("cut-arithmetic-jpeg", lambda: arithmetic_jpeg()[:-20], JPEG),
)
"""UNDECODABLE_IMAGE."""
