"""Releases made by hand: the messages that a server would stream, and the value that comes of them."""

import hashlib
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from io import BytesIO

from meimage.release import ReleasedReferences, collect
from meimage.v1 import me_image_pb2
from meimage.v1 import reference_service_pb2 as pb
from PIL import Image

CHUNK_BYTES = 4096
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


def picture(content_type: str, width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """Return a small picture of one colour and a stripe."""
    image = Image.new("RGB", (width, height), colour)
    image.paste((255, 255, 255), (0, 0, width // 2, 1))
    file = BytesIO()
    image.save(file, _FORMATS[content_type])
    return file.getvalue()


def header(content: bytes, content_type: str = "image/png", width: int = 40, height: int = 30) -> pb.ReferenceImage:
    """Return what announces these bytes."""
    return pb.ReferenceImage(
        me_image_id=str(uuid.uuid4()),
        kind=me_image_pb2.KIND_FACE,
        rendition=me_image_pb2.RENDITION_PNG_1024,
        content_type=content_type,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        width=width,
        height=height,
    )


def stream(
    images: Sequence[tuple[pb.ReferenceImage, bytes]], generator: str = "openai/gpt-image-2"
) -> list[pb.ReleaseReferencesResponse]:
    """Return the messages of a release."""
    release = pb.Release(
        release_id=str(uuid.uuid4()),
        generator=generator,
        images=[image for image, _ in images],
        ledger_sequence=7,
        ledger_hash="ab" * 32,
    )
    messages = [pb.ReleaseReferencesResponse(release=release)]
    for image, content in images:
        messages.append(pb.ReleaseReferencesResponse(image=image))
        cuts = range(0, len(content), CHUNK_BYTES)
        messages.extend(pb.ReleaseReferencesResponse(chunk=content[at : at + CHUNK_BYTES]) for at in cuts)
    return [*messages, pb.ReleaseReferencesResponse(end=pb.ReleaseEnd())]


async def collected(messages: Iterable[pb.ReleaseReferencesResponse]) -> ReleasedReferences:
    """Read messages as if they came from a channel."""

    async def channel() -> AsyncIterator[pb.ReleaseReferencesResponse]:
        for message in messages:
            yield message

    return await collect(channel())


async def released(
    *types: str, generator: str = "openai/gpt-image-2", size: tuple[int, int] = (40, 30)
) -> ReleasedReferences:
    """Return a release of one picture of each of these types."""
    images = []
    for number, content_type in enumerate(types):
        content = picture(content_type, *size, (20 * number, 90, 160))
        images.append((header(content, content_type, *size), content))
    return await collected(stream(images, generator))
