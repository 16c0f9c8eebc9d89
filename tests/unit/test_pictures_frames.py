"""The sizes of answers: the pool takes what the specs allow, and not a byte more."""

import pytest

from service.adapters.pictures_frames import PREFIX, BadFrame, header_of, max_answer, rendered, rendered_of, sizes
from service.adapters.pictures_specs import SPECS
from service.domain.limits import MAX_PHOTO_BYTES
from service.domain.model import MediaType, Rendition
from service.ports.outside import RenderedMedia, RenderedPicture

ALL = tuple(Rendition)
UPRIGHT = (3000, 4000)
STARTS = {MediaType.PNG: b"\x89PNG\r\n\x1a\n", MediaType.JPEG: b"\xff\xd8\xff", MediaType.WEBP: b"RIFF\0\0\0\0WEBP"}
SIZES = {
    Rendition.WEBP_320: (240, 320),
    Rendition.PNG_1024: (768, 1024),
    Rendition.JPEG_2048: (1536, 2048),
    Rendition.PNG_SQUARE_1024: (1024, 1024),
}


def largest(rendition: Rendition, more: int = 0, size: tuple[int, int] | None = None) -> RenderedPicture:
    spec = SPECS[rendition]
    data = STARTS[spec.media_type].ljust(spec.max_bytes + more, b"\0")
    return RenderedPicture(rendition, spec.media_type, *(size or SIZES[rendition]), data)


def answered(media: RenderedMedia) -> RenderedMedia:
    """An answer as the pool reads what the worker wrote."""
    renditions = [picture.rendition for picture in media.pictures]
    frame = rendered(1, media)
    header_size, body_size = sizes(frame[: PREFIX.size], max_answer(renditions))
    header, body = frame[PREFIX.size :][:header_size], frame[PREFIX.size + header_size :]
    assert len(body) == body_size
    return rendered_of(header_of(header), body, 1, renditions)


def test_all_renditions_at_their_largest_are_an_answer_although_they_exceed_a_photo() -> None:
    media = RenderedMedia(*UPRIGHT, tuple(largest(rendition) for rendition in ALL))
    assert sum(len(picture.data) for picture in media.pictures) > MAX_PHOTO_BYTES
    assert answered(media) == media


@pytest.mark.parametrize("rendition", ALL)
def test_a_byte_more_is_none(rendition: Rendition) -> None:
    with pytest.raises(BadFrame):
        answered(RenderedMedia(*UPRIGHT, (largest(rendition, more=1),)))


@pytest.mark.parametrize("rendition", ALL)
def test_another_size_is_none(rendition: Rendition) -> None:
    width, height = SIZES[rendition]
    for size in ((width, height - 1), (width + 1, height), UPRIGHT):
        with pytest.raises(BadFrame):
            answered(RenderedMedia(*UPRIGHT, (largest(rendition, size=size),)))


def test_a_square_is_a_png_of_equal_sides_also_of_a_small_photo() -> None:
    small = RenderedMedia(30, 40, (largest(Rendition.PNG_SQUARE_1024, size=(40, 40)),))
    assert answered(small) == small
    with pytest.raises(BadFrame):
        answered(RenderedMedia(30, 40, (largest(Rendition.PNG_SQUARE_1024, size=(30, 40)),)))
