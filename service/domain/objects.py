"""Where the bytes of a media lie in the bucket."""

from service.domain.model import MediaId, Rendition

PREFIX = "me/"
ORIGINAL = "original"


def variant_of(rendition: Rendition | None) -> str:
    """Return the name of a rendition, or of the original."""
    return ORIGINAL if rendition is None else rendition.value


def object_key(media_id: MediaId, rendition: Rendition | None) -> str:
    """Return the key of an object; it names neither the user nor what the photo shows."""
    return f"{PREFIX}{media_id}/{variant_of(rendition)}"
