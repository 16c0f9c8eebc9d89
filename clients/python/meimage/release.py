"""What `ReleaseReferences` streams, as one value that is whole or not there at all."""

import hashlib
from collections.abc import AsyncIterable
from dataclasses import dataclass, field

from meimage.v1.reference_service_pb2 import ReferenceImage, Release, ReleaseReferencesResponse


class BrokenRelease(Exception):
    """The stream was not a whole release: nothing of it may be used. The text holds none of its bytes."""


@dataclass(frozen=True, slots=True)
class ReleasedImage:
    """One image, as the ledger has it.

    ``content_type`` is its IANA media type, ``sha256`` 64 lower-case hexadecimal digits over ``content``, ``width``
    and ``height`` are pixels.
    """

    me_image_id: str
    content_type: str
    sha256: str
    width: int
    height: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReleasedReferences:
    """A whole release; ``ledger_sequence`` and ``ledger_hash`` name the entry in the person's ledger."""

    release_id: str
    generator: str
    ledger_sequence: int
    ledger_hash: str
    images: tuple[ReleasedImage, ...]


async def collect(messages: AsyncIterable[ReleaseReferencesResponse]) -> ReleasedReferences:
    """Read a release to its end and give it back once every size and digest was found right.

    Raises:
        BrokenRelease: messages out of order, another image than was announced, bytes that are too few, too many or
            others than the ledger has, no ``end``, or the answer to ``validate_only``.
        grpc.aio.AioRpcError: the service refused, as it does instead of sending anything.
    """
    reading: _Reading | None = None
    async for message in messages:
        part = message.WhichOneof("part")
        if part == "validation":
            raise BrokenRelease("the answer to validate_only, which releases nothing")
        if reading is None:
            if part != "release":
                raise BrokenRelease(f"`{part}` came before `release`")
            reading = _Reading(message.release)
        else:
            reading.take(part, message)
    if reading is None:
        raise BrokenRelease("the stream was empty")
    return reading.whole()


class _Reading:
    """A release on its way in."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self._images: list[ReleasedImage] = []
        self._open: tuple[ReferenceImage, bytearray] | None = None
        self._ended = False

    def take(self, part: str | None, message: ReleaseReferencesResponse) -> None:
        """Take the next message after ``release``."""
        if self._ended:
            raise BrokenRelease(f"`{part}` came after `end`")
        if part == "image":
            self._close()
            self._begin(message.image)
        elif part == "chunk":
            self._add(message.chunk)
        elif part == "end":
            self._close()
            self._end()
        else:
            raise BrokenRelease(f"`{part}` came after `release`")

    def whole(self) -> ReleasedReferences:
        """Return the release once its end has come."""
        if not self._ended:
            raise BrokenRelease("the stream stopped before `end`")
        return ReleasedReferences(
            self._release.release_id,
            self._release.generator,
            self._release.ledger_sequence,
            self._release.ledger_hash,
            tuple(self._images),
        )

    def _begin(self, image: ReferenceImage) -> None:
        place = len(self._images)
        if place == len(self._release.images):
            raise BrokenRelease(f"more than the {place} images that were announced")
        if image != self._release.images[place]:
            raise BrokenRelease(f"image {place + 1} is not the one that was announced")
        self._open = image, bytearray()

    def _add(self, chunk: bytes) -> None:
        if self._open is None:
            raise BrokenRelease("`chunk` came before `image`")
        image, content = self._open
        content += chunk
        if len(content) > image.size_bytes:
            raise BrokenRelease(f"image {len(self._images) + 1} has more than its {image.size_bytes} bytes")

    def _close(self) -> None:
        if self._open is None:
            return
        image, content = self._open
        place = len(self._images) + 1
        if len(content) != image.size_bytes:
            raise BrokenRelease(f"image {place} has {len(content)} of its {image.size_bytes} bytes")
        if hashlib.sha256(content).hexdigest() != image.sha256:
            raise BrokenRelease(f"image {place} has other bytes than the ledger says")
        self._images.append(
            ReleasedImage(
                image.me_image_id, image.content_type, image.sha256, image.width, image.height, bytes(content)
            )
        )
        self._open = None

    def _end(self) -> None:
        announced = len(self._release.images)
        if len(self._images) != announced:
            raise BrokenRelease(f"{len(self._images)} of the {announced} images that were announced")
        self._ended = True
