"""Photos made in code, the same bytes on every run: the repository holds no pictures.

``marker`` is what most of them show: four quadrants of different colours, so that any turn or flip is seen.
"""

import io
import struct
import zlib
from collections.abc import Sequence

import pillow_heif
import pyvips
from PIL import Image

Colour = tuple[int, int, int]

RED, GREEN, BLUE, YELLOW = (200, 40, 40), (40, 160, 60), (40, 60, 190), (220, 200, 60)
QUADRANTS = (RED, GREEN, BLUE, YELLOW)
"""The colours of ``marker``: top left, top right, bottom left, bottom right."""

SECRET = b"Hausnummer 17"
"""Stands in every metadata block that these photos carry."""

_STORED_FOR = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture lies in a file of this EXIF orientation (Exif 2.32, tag 0x0112)."""


def marker(width: int, height: int) -> Image.Image:
    """Four quadrants, RGB."""
    image = Image.new("RGB", (width, height))
    for at, colour in enumerate(QUADRANTS):
        left, top = (at % 2) * width // 2, (at // 2) * height // 2
        image.paste(colour, (left, top, left + (width + 1) // 2, top + (height + 1) // 2))
    return image


def exif(orientation: int) -> bytes:
    """An EXIF block with an orientation, a description that holds SECRET, and a place."""
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = SECRET.decode()
    block.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return block.tobytes()


def saved(image: Image.Image, format_: str, **options: object) -> bytes:
    """What Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def jpeg(width: int = 64, height: int = 48, orientation: int = 1, **options: object) -> bytes:
    """A JPEG that is ``width`` x ``height`` pixels once upright, with EXIF, XMP and a comment."""
    image = marker(width, height)
    if orientation != 1:
        image = image.transpose(_STORED_FOR[orientation])
    return saved(image, "JPEG", quality=92, exif=exif(orientation), xmp=b"<x>" + SECRET, comment=SECRET, **options)


def noise_jpeg(width: int = 4000, height: int = 3000, quality: int = 90) -> bytes:
    """A photo-like JPEG: 12 megapixels in about 5 MB by default."""
    bands = [pyvips.Image.gaussnoise(width, height, mean=110 + 9 * seed, sigma=30, seed=seed) for seed in range(3)]
    image = bands[0].bandjoin(bands[1:]).gaussblur(1.0).cast("uchar").copy(interpretation="srgb")
    data: bytes = image.jpegsave_buffer(Q=quality, keep="none")
    return data


def cmyk_jpeg() -> bytes:
    """The marker in print colours, without a profile."""
    return saved(marker(64, 48).convert("CMYK"), "JPEG", quality=95)


def unknown_coding_jpeg() -> bytes:
    """A JPEG whose frame header says SOF11, lossless arithmetic coding (ITU-T T.81), which nobody decodes."""
    return jpeg().replace(b"\xff\xc0", b"\xff\xcb", 1)


def png(mode: str = "RGB", **options: object) -> bytes:
    """The marker in a mode of Pillow: ``P``, ``L``, ``RGB``. Options are those of its PNG writer."""
    image = marker(64, 48)
    return saved(image.quantize(16) if mode == "P" else image.convert(mode), "PNG", **options)


def transparent_png(mode: str = "RGBA") -> bytes:
    """The marker (``RGBA``) or its greys (``LA``), wholly transparent in the left half."""
    image = marker(64, 48).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 48))
    return saved(image.convert(mode), "PNG")


def deep_png(bands: int = 3) -> bytes:
    """The marker with 16 bits a band; one band is its greys."""
    image = marker(64, 48).convert("RGB" if bands == 3 else "L")
    samples = b"".join(bytes((value, value)) for value in image.tobytes())
    deep = pyvips.Image.new_from_memory(samples, 64, 48, bands, "ushort")
    data: bytes = deep.copy(interpretation="rgb16" if bands == 3 else "grey16").pngsave_buffer(bitdepth=16)
    return data


def interlaced_png(width: int = 64, height: int = 48, mode: str = "RGB") -> bytes:
    """The marker as an Adam7 PNG; with ``RGBA`` as mode 16 bits a band, which take the most memory to decode."""
    image = pyvips.Image.new_from_memory(marker(width, height).tobytes(), width, height, 3, "uchar")
    image = image.copy(interpretation="srgb")
    if mode == "RGBA":
        image = image.addalpha().colourspace("rgb16")
    data: bytes = image.pngsave_buffer(interlace=True, bitdepth=16 if mode == "RGBA" else 8, compression=1)
    return data


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG (ISO/IEC 15948, 5.3)."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_header(width: int, height: int) -> bytes:
    """An interlaced 8-bit RGB PNG of this size that has next to no pixels: 50,000 x 50,000 ask for 7.5 GB."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _frames(width: int, height: int) -> tuple[Image.Image, list[Image.Image]]:
    first = marker(width, height)
    return first, [first.transpose(Image.Transpose.ROTATE_180), Image.new("RGB", (width, height), BLUE)]


def animated(format_: str) -> bytes:
    """Three frames as ``PNG`` (its default image is the marker), ``WEBP``, ``GIF`` or ``AVIF``."""
    first, others = _frames(64, 48)
    return saved(first, format_, save_all=True, append_images=others, duration=100)


def avif_sequence_called_still() -> bytes:
    """An AVIF sequence whose major brand says that it is a still image."""
    return animated("AVIF").replace(b"ftypavis", b"ftypavif", 1)


def webp(orientation: int = 1, **options: object) -> bytes:
    """The marker as WebP, 64 x 48 once upright, with EXIF and XMP."""
    image = marker(64, 48)
    if orientation != 1:
        image = image.transpose(_STORED_FOR[orientation])
    return saved(image, "WEBP", exif=exif(orientation), xmp=b"<x>" + SECRET, **options)


def avif(width: int = 64, height: int = 48, orientation: int = 1, **options: object) -> bytes:
    """The marker as AVIF, ``width`` x ``height`` once upright; Pillow writes the orientation as irot and imir."""
    image = marker(width, height)
    if orientation != 1:
        image = image.transpose(_STORED_FOR[orientation])
    return saved(image, "AVIF", exif=exif(orientation), **options)


def heic(images: Sequence[Image.Image], primary: int = 0, **options: object) -> bytes:
    """A HEIC of several images, of which one is the primary. Options are those of pillow-heif's writer."""
    file = pillow_heif.from_pillow(images[0])
    for image in images[1:]:
        file.add_from_pillow(image)
    buffer = io.BytesIO()
    file.save(buffer, save_all=True, primary_index=primary, quality=90, **options)
    return buffer.getvalue()


def turned_heic(orientation: int) -> bytes:
    """The marker, 64 x 48 once upright, turned by an irot or imir box; EXIF says the same, as phones write it."""
    image = marker(64, 48)
    if orientation != 1:
        image = image.transpose(_STORED_FOR[orientation])
    return heic([image], exif=exif(orientation))


def heic_turned_by_exif_alone() -> bytes:
    """The marker upright in a HEIC whose EXIF claims orientation 6, which has no say there."""
    return heic([marker(64, 48)], exif=exif(1)).replace(exif(1)[6:], exif(6)[6:])


def heic_with_profile(icc_profile: bytes) -> bytes:
    """The marker with an ICC profile."""
    image = marker(64, 48)
    image.info["icc_profile"] = icc_profile
    return heic([image])


def transparent_heic() -> bytes:
    """The marker, wholly transparent in the left half."""
    with Image.open(io.BytesIO(transparent_png())) as image:
        return heic([image])


def svg() -> bytes:
    """A drawing that would be rendered by a careless decoder."""
    return b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><rect width="64" height="48"/></svg>'


def text() -> bytes:
    """No picture at all."""
    return b"This is no photo.\n" * 20


def display_p3() -> bytes:
    """An ICC profile (ICC.1:2001-04) with the primaries of Display P3, adapted to D50, and a gamma of 2.2."""
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
        b"wtpt": (0.96420, 1.0, 0.82491),
    }
    tags = {
        name: b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(number * 65536) for number in xyz))
        for name, xyz in primaries.items()
    }
    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(2.2 * 256))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I3s", 3, b"P3\0") + bytes(78 + 3)
    tags[b"cprt"] = b"text\0\0\0\0none\0\0\0\0"
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        table += name + struct.pack(">II", start + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    d50 = struct.pack(">3i", 63190, 65536, 54061)
    header = struct.pack(">I4sI4s4s4s", start + len(data), b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + d50
    return header.ljust(128, b"\0") + table + data
