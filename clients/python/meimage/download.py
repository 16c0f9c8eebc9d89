"""Downloading an original or a rendition, whole and with the bytes that were announced."""

import hashlib
from collections.abc import AsyncIterable

from meimage.errors import DamagedBytes
from meimage.v1.me_image_service_pb2 import DownloadMeImageResponse


async def receive(messages: AsyncIterable[DownloadMeImageResponse]) -> bytes:
    """Return the bytes of a download.

    Raises:
        DamagedBytes: they are not those of the header.
        MeImageError: the call was refused or broke.
    """
    header, content = None, bytearray()
    async for message in messages:
        if message.HasField("header"):
            header = message.header
        content += message.chunk
    if header is None or hashlib.sha256(content).hexdigest() != header.sha256:
        raise DamagedBytes("The bytes that came are not those that were announced.")
    return bytes(content)
