"""What every rendition for a generator must be, checked with another library than the one that made it."""

import io
import struct
from collections.abc import Iterable

from PIL import Image

from service.domain.model import Rendition
from tests.pictures import Colour

WHITE = (255, 255, 255)
PNG_HEADER = ">IIBBBBB"

LONGEST = {Rendition.PNG_1024: 1024, Rendition.JPEG_2048: 2048, Rendition.PNG_SQUARE_1024: 1024}
"""In pixels; the renditions that generators get."""

MOST_BYTES = {
    Rendition.PNG_1024: 3_999_999,
    Rendition.JPEG_2048: 4 << 20,
    Rendition.PNG_SQUARE_1024: 3_999_999,
}


def photo_size(rendition: Rendition, upright: tuple[int, int]) -> tuple[int, int]:
    """The size in pixels that an upright photo has in a rendition: shrunk, never enlarged, its aspect kept."""
    factor = min(1.0, LONGEST[rendition] / max(upright))
    return max(1, round(upright[0] * factor)), max(1, round(upright[1] * factor))


def size(rendition: Rendition, upright: tuple[int, int]) -> tuple[int, int]:
    """The size in pixels of a rendition."""
    photo = photo_size(rendition, upright)
    return (max(photo), max(photo)) if rendition is Rendition.PNG_SQUARE_1024 else photo


def photo_in(rendition: Rendition, data: bytes, upright: tuple[int, int]) -> Image.Image:
    """Check a rendition of an upright photo of this size but for its colours; return the photo that it shows, RGB."""
    assert 0 < len(data) <= MOST_BYTES[rendition]
    if rendition is Rendition.JPEG_2048:
        _check_jpeg(data, size(rendition, upright))
    else:
        _check_png(data, size(rendition, upright))
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == ("JPEG" if rendition is Rendition.JPEG_2048 else "PNG")
        assert (image.mode, image.size) == ("RGB", size(rendition, upright))
        assert all(str(name).startswith("jfif") for name in image.info)
        assert not image.getexif()
        assert getattr(image, "n_frames", 1) == 1
        return _without_margins(image, photo_size(rendition, upright))


def quadrants(image: Image.Image) -> tuple[Colour, ...]:
    """The colours in the middle of the four quadrants."""
    spots = [(image.width * x // 4, image.height * y // 4) for y in (1, 3) for x in (1, 3)]
    data = b"".join(image.crop((x, y, x + 1, y + 1)).tobytes() for x, y in spots)
    return tuple((data[at], data[at + 1], data[at + 2]) for at in range(0, len(data), 3))


def distance(found: Iterable[Colour], expected: Iterable[Colour]) -> int:
    """The largest difference of any band, 0 to 255."""
    pairs = zip(found, expected, strict=True)
    return max(abs(one - other) for pair in pairs for one, other in zip(*pair, strict=True))


def _without_margins(image: Image.Image, photo: tuple[int, int]) -> Image.Image:
    """The photo lies in the middle, and all around it is white."""
    left, top = (image.width - photo[0]) // 2, (image.height - photo[1]) // 2
    right, bottom = left + photo[0], top + photo[1]
    width, height = image.size
    for margin in ((0, 0, width, top), (0, bottom, width, height), (0, 0, left, height), (right, 0, width, height)):
        if margin[0] < margin[2] and margin[1] < margin[3]:
            assert image.crop(margin).getcolors(1) == [((margin[2] - margin[0]) * (margin[3] - margin[1]), WHITE)]
    return image.crop((left, top, right, bottom))


def _check_png(data: bytes, expected: tuple[int, int]) -> None:
    """Eight bits, RGB, not interlaced (ISO/IEC 15948, 11.2.2), and no chunk but those of the pixels."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    names: list[bytes] = []
    at = 8
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        names.append(name)
        at += 12 + length
    assert at == len(data)
    assert struct.unpack_from(PNG_HEADER, data, 16) == (*expected, 8, 2, 0, 0, 0)
    assert (names[0], names[-1], set(names[1:-1])) == (b"IHDR", b"IEND", {b"IDAT"})


def _check_jpeg(data: bytes, expected: tuple[int, int]) -> None:
    """Baseline, three components of eight bits, and no segment (ITU-T T.81, B.1) but JFIF and those of the pixels."""
    assert data.startswith(b"\xff\xd8\xff\xe0\0\x10JFIF\0")
    assert data.endswith(b"\xff\xd9")
    markers: list[int] = []
    at = 2
    while not markers or markers[-1] != 0xDA:
        start, marker, length = struct.unpack_from(">BBH", data, at)
        assert start == 0xFF
        if marker == 0xC0:
            assert struct.unpack_from(">BHHB", data, at + 4) == (8, expected[1], expected[0], 3)
        markers.append(marker)
        at += 2 + length
    assert set(markers) == {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}
    assert markers.count(0xE0) == 1
