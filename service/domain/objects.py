"""Where the bytes of a media lie in the bucket."""

from uuid import UUID

from service.domain.model import MediaId, Rendition

PREFIX = "me/"
ORIGINAL = "original"
"""The variant of a media that is the photo itself; that of its thumbnail is the name of the rendition."""


def variant_of(rendition: Rendition, making: UUID) -> str:
    """Return the variant of a rendition made after the upload: two makings at once never meet in one object."""
    return f"{rendition}/{making}"


def object_key(media_id: MediaId, variant: str) -> str:
    """Return the key of an object; it names neither the user nor what the photo shows."""
    return f"{PREFIX}{media_id}/{variant}"
