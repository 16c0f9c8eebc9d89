"""The type of a photo by its magic bytes, never by a name or a declared type."""

from service.domain.errors import UnsupportedMediaType
from service.domain.model import MediaType

SNIFF_BYTES = 64
"""So many leading bytes decide the type; ISO-BMFF brands beyond them are not looked at."""

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis"})
_AVIF_BRANDS = frozenset({b"avif"})
_GENERIC_BRANDS = frozenset({b"mif1", b"mif2"})


def media_type_of(head: bytes) -> MediaType:
    """Return the type that the leading bytes of a photo show.

    Raises:
        UnsupportedMediaType: none of the formats that are taken, or an image sequence.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return MediaType.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return MediaType.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return MediaType.WEBP
    if head[4:8] == b"ftyp":
        return _iso_type(head)
    raise UnsupportedMediaType


def _iso_type(head: bytes) -> MediaType:
    """The ``ftyp`` box is a major brand, a version, then compatible brands (ISO/IEC 23008-12, AVIF)."""
    box_end = min(int.from_bytes(head[:4], "big"), SNIFF_BYTES, len(head))
    major = head[8:12]
    compatible = {head[at : at + 4] for at in range(16, box_end - 3, 4)}
    brands = {major} if major not in _GENERIC_BRANDS else compatible
    if brands & _AVIF_BRANDS:
        return MediaType.AVIF
    if brands & _HEIC_BRANDS:
        return MediaType.HEIC
    raise UnsupportedMediaType
