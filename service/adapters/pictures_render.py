"""From a photo to its renditions: runs in a worker alone."""

from collections.abc import Callable, Mapping, Sequence

import pyvips

from service.adapters.pictures_decode import configure, open_photo, upright_srgb
from service.adapters.pictures_specs import SPECS, RenditionSpec, fitted
from service.domain.errors import UndecodableImage
from service.domain.model import MediaType, Rendition
from service.ports.outside import RenderedMedia, RenderedPicture

_SAVERS: Mapping[MediaType, Callable[[pyvips.Image, int], bytes]] = {
    MediaType.WEBP: lambda image, quality: image.webpsave_buffer(Q=quality, keep="none"),
    MediaType.PNG: lambda image, _: image.pngsave_buffer(compression=1, keep="none"),
    MediaType.JPEG: lambda image, quality: image.jpegsave_buffer(Q=quality, keep="none"),
}
"""One row for each format that renditions are made in; ``keep="none"`` drops EXIF, XMP, ICC and all else."""


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
    width, height = fitted(*original, spec.longest_side)
    if (image.width, image.height) != (width, height):
        image = image.thumbnail_image(width, height=height, size="force")
    return RenderedPicture(rendition, spec.media_type, width, height, encode(image, spec))


def encode(image: pyvips.Image, spec: RenditionSpec) -> bytes:
    """Return the picture in the first quality that makes it small enough. Raises UndecodableImage when none does."""
    for quality in spec.qualities:
        data = _SAVERS[spec.media_type](image, quality)
        if len(data) <= spec.max_bytes:
            return data
    raise UndecodableImage
