"""Uploading one photo: hashed before, sent in pieces, sent again where the connection broke, stored once."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from meimage.errors import MeImageError
from meimage.retries import Retries
from meimage.v1.me_image_service_pb2 import UploadHeader, UploadMeImageRequest, UploadMeImageResponse

if TYPE_CHECKING:
    from meimage.v1.me_image_service_pb2_grpc import MeImageServiceAsyncStub

CHUNK_BYTES = 256 * 1024

Progress = Callable[[int, int], None]
"""Told how many bytes were sent, of how many; begins anew where an upload is sent again.

What it raises ends the upload and reaches the caller.
"""


@dataclass(frozen=True)
class Upload:
    """One photo on its way. The header's ``request_id`` makes sending it again harmless."""

    header: UploadHeader
    content: bytes
    progress: Progress | None
    seconds: float | None

    async def send(self, pool: "MeImageServiceAsyncStub", retries: Retries) -> UploadMeImageResponse:
        """Send until it is stored or refused.

        Raises:
            MeImageError: it was refused, or the connection broke time after time.
        """
        return await retries.run(
            lambda: self._once(pool),
            again=lambda error: error.lost or error.busy,
            left=lambda: inf if self.seconds is None else self.seconds,
        )

    async def _once(self, pool: "MeImageServiceAsyncStub") -> UploadMeImageResponse:
        gave_up: list[Exception] = []
        call = pool.UploadMeImage(self._messages(gave_up), timeout=self.seconds)
        try:
            return await call
        except (MeImageError, asyncio.CancelledError):
            # grpcio cancels a call whose messages raise, and keeps to itself why.
            if gave_up:
                raise gave_up[0] from None
            raise
        finally:
            call.cancel()

    async def _messages(self, gave_up: list[Exception]) -> AsyncIterator[UploadMeImageRequest]:
        yield UploadMeImageRequest(header=self.header)
        total = len(self.content)
        for start in range(0, total, CHUNK_BYTES):
            chunk = self.content[start : start + CHUNK_BYTES]
            yield UploadMeImageRequest(chunk=chunk)
            if self.progress is not None:
                try:
                    self.progress(start + len(chunk), total)
                except Exception as error:
                    gave_up.append(error)
                    raise


def digest(content: bytes) -> str:
    """Return the SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()
