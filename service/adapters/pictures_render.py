"""From a photo to its renditions: runs in a worker alone."""

from collections.abc import Sequence

import pyvips

from service.adapters.pictures_decode import configure, open_photo, upright_srgb
from service.adapters.pictures_encode import encode
from service.adapters.pictures_specs import SPECS, RenditionSpec
from service.domain.model import MediaType, Rendition
from service.ports.outside import RenderedMedia, RenderedPicture


def prepare() -> None:
    """Configure the codecs, and prove that they work behind the fences: raises when one does not."""
    configure()
    sample = pyvips.Image.black(64, 48, bands=3).copy(interpretation="srgb")
    for media_type, photo in (
        (MediaType.JPEG, sample.jpegsave_buffer()),
        (MediaType.PNG, sample.pngsave_buffer()),
        (MediaType.WEBP, sample.webpsave_buffer()),
    ):
        render(photo, media_type, tuple(Rendition))


def render(photo: bytes, media_type: MediaType, renditions: Sequence[Rendition]) -> RenderedMedia:
    """See Pictures: decode once, as large as the largest rendition needs, and make the others from that.

    Without renditions the photo is still decoded to its end, so that its size is told of a whole photo alone.
    """
    opened = open_photo(photo, media_type)
    specs = [SPECS[rendition] for rendition in renditions]
    image = upright_srgb(opened, max((spec.longest_side for spec in specs), default=1))
    pictures = [
        _picture(image, rendition, spec, opened.size) for rendition, spec in zip(renditions, specs, strict=True)
    ]
    return RenderedMedia(*opened.size, tuple(pictures))


def _picture(
    image: pyvips.Image, rendition: Rendition, spec: RenditionSpec, original: tuple[int, int]
) -> RenderedPicture:
    fit, size = spec.photo_size(*original), spec.size(*original)
    if (image.width, image.height) != fit:
        image = image.thumbnail_image(fit[0], height=fit[1], size="force")
    if size != fit:
        image = image.gravity("centre", *size, extend="white")
    return RenderedPicture(rendition, spec.media_type, *size, encode(image, spec))
