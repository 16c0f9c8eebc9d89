"""The type of a photo, from its first bytes alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.errors import UnsupportedMediaType
from service.domain.media_types import SNIFF_BYTES, media_type_of
from service.domain.model import MediaType
from tests import pictures


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return (len(body) + 4).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("photo", "media_type"),
    [
        (pictures.jpeg(), MediaType.JPEG),
        (pictures.png(), MediaType.PNG),
        (pictures.webp(), MediaType.WEBP),
        (pictures.heic([pictures.marker(64, 48)]), MediaType.HEIC),
        (pictures.avif(), MediaType.AVIF),
        (ftyp(b"heix", b"mif1"), MediaType.HEIC),
        (ftyp(b"mif1", b"miaf", b"heic"), MediaType.HEIC),
        (ftyp(b"mif1", b"miaf", b"avif"), MediaType.AVIF),
        (ftyp(b"avif", b"mif1"), MediaType.AVIF),
    ],
    ids=["jpeg", "png", "webp", "heic", "avif", "heix", "mif1 heic", "mif1 avif", "avif mif1"],
)
def test_what_is_taken(photo: bytes, media_type: MediaType) -> None:
    assert media_type_of(photo[:SNIFF_BYTES]) is media_type


@pytest.mark.parametrize(
    "photo",
    [
        b"",
        b"\xff\xd8",
        b"RIFF\0\0\0\0WAVE",
        pictures.text(),
        pictures.svg(),
        pictures.animated("GIF"),
        pictures.animated("AVIF"),
        b"\n" + pictures.jpeg(),
        b"%PDF-1.7",
        b"BM" + bytes(60),
        b"II*\0" + bytes(60),
        ftyp(b"hevc", b"heic"),
        ftyp(b"msf1", b"heic"),
        ftyp(b"avis", b"avif"),
        ftyp(b"isom", b"mp42"),
        ftyp(b"mif1", b"miaf"),
        ftyp(b"mif1"),
        b"\0\0\0\x08ftyp",
    ],
    ids=lambda photo: repr(photo[:14]),
)
def test_what_is_not_taken(photo: bytes) -> None:
    with pytest.raises(UnsupportedMediaType):
        media_type_of(photo[:SNIFF_BYTES])


def test_a_brand_outside_of_its_box_counts_for_nothing() -> None:
    with pytest.raises(UnsupportedMediaType):
        media_type_of(ftyp(b"mif1", b"miaf") + b"heic" * 4)


@given(head=st.binary(max_size=SNIFF_BYTES) | st.binary(max_size=56).map(lambda tail: b"\0\0\0\x40ftyp" + tail))
def test_any_bytes_are_a_known_type_or_refused(head: bytes) -> None:
    try:
        assert isinstance(media_type_of(head), MediaType)
    except UnsupportedMediaType:
        assert not head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))
