"""Releases in the form that the providers' own packages take.

Neither `openai` nor `google-genai` is needed to import this, and no key of a provider passes through me-images: the
caller talks to the provider itself, with what was released.
"""

from typing import TypedDict

from meimage.release import ReleasedReferences

_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class InlineData(TypedDict):
    """Bytes with their IANA media type, as `google.genai.types.Blob` takes them."""

    mime_type: str
    data: bytes


class InlinePart(TypedDict):
    """A part of a prompt, as `google.genai.types.Part` takes it."""

    inline_data: InlineData


def openai_edit_files(release: ReleasedReferences) -> list[tuple[str, bytes, str]]:
    """Return the images for `image=` of `client.images.edit`: file name, bytes and media type of each.

    The package sends them as the multipart parts `image[]` of `/v1/images/edits`, in the order of the release. The
    provider tells a format by name and type, so both are right; the names say nothing about the person. For DALL-E 2,
    which takes one image and no list, pass `image=openai_edit_files(release)[0]`.

    Raises:
        ValueError: the release holds a format that the endpoint does not take.
    """
    return [
        (f"reference-{place}.{_suffix(image.content_type)}", image.content, image.content_type)
        for place, image in enumerate(release.images, start=1)
    ]


def gemini_parts(release: ReleasedReferences) -> list[InlinePart]:
    """Return the images as inline data for `contents=` of `client.models.generate_content`, beside a prompt.

    They are plain dictionaries, which `google-genai` takes as parts.
    """
    return [{"inline_data": {"mime_type": image.content_type, "data": image.content}} for image in release.images]


def _suffix(content_type: str) -> str:
    if content_type not in _SUFFIXES:
        raise ValueError(f"images are edited as PNG, JPEG or WebP, not as {content_type}")
    return _SUFFIXES[content_type]
