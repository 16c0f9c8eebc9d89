"""A release as it streams: the announcement, then image by image, each proven at its end."""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator

from meimage.release import BrokenRelease
from meimage.v1.reference_service_pb2 import (
    ReferenceImage,
    Release,
    ReleaseReferencesResponse,
    ReleaseValidation,
)

ReleasePart = Release | ReferenceImage | bytes
"""What `release_stream` gives: the release, then for each image its description and its chunks."""


async def parts(messages: AsyncIterable[ReleaseReferencesResponse]) -> AsyncIterator[ReleasePart]:
    """Give a release part by part.

    Raises:
        BrokenRelease: an image whose bytes are not those that the ledger has, at its end; or no ``end`` came.
            What came before may be discarded: nothing that follows an error is given.
    """
    images: list[ReferenceImage] | None = None
    announced: list[ReferenceImage] = []
    proof: _Proof | None = None
    async for message in messages:
        part = message.WhichOneof("part")
        if images is None:
            if part != "release":
                raise BrokenRelease(f"`{part}` came before `release`")
            announced, images = list(message.release.images), []
            yield message.release
        elif part == "chunk" and proof is not None:
            proof.add(message.chunk)
            yield message.chunk
        elif part in {"image", "end"}:
            if proof is not None:
                proof.close()
            if part == "end":
                if images != announced:
                    raise BrokenRelease("not all images came that were announced")
                return
            images.append(message.image)
            proof = _Proof(message.image)
            yield message.image
        else:
            raise BrokenRelease(f"`{part}` came out of order")
    raise BrokenRelease("the stream stopped before `end`")


async def validation(messages: AsyncIterable[ReleaseReferencesResponse]) -> ReleaseValidation:
    """Return the answer to ``validate_only``. Raises BrokenRelease where there is none."""
    async for message in messages:
        if message.HasField("validation"):
            return message.validation
    raise BrokenRelease("no validation came")


class _Proof:
    """Counts and hashes the bytes of one image."""

    def __init__(self, image: ReferenceImage) -> None:
        self._image = image
        self._size, self._digest = 0, hashlib.sha256()

    def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._digest.update(chunk)
        if self._size > self._image.size_bytes:
            raise BrokenRelease("an image has more bytes than were announced")

    def close(self) -> None:
        if self._size != self._image.size_bytes or self._digest.hexdigest() != self._image.sha256:
            raise BrokenRelease("an image has other bytes than the ledger says")
