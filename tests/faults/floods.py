"""What attackers send, each with a token that is good: whoever has none is refused before any of it counts."""

import asyncio
import zlib
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from meimage.v1 import me_image_service_pb2 as rpc

from service.rpc.methods import ME_IMAGE_SERVICE
from tests import http2

MIB = 1024 * 1024
GET, LIST, UPLOAD = (f"/{ME_IMAGE_SERVICE}/{name}" for name in ("GetMeImage", "ListMeImages", "UploadMeImage"))
STREAMS = 100
"""What the server allows of a connection at once."""

SECONDS = 60.0


@dataclass(frozen=True)
class Sent:
    """A call, as much of it as is ever sent."""

    method: str
    body: bytes = b""
    ends: bool = False
    encoding: str = "identity"


@dataclass
class Attacker:
    """Somebody with a token. ``statuses`` counts how the server ended calls, by gRPC status."""

    address: str
    user_id: str
    token: str
    statuses: dict[str, list[int | None]] = field(default_factory=dict)

    async def resets(self, count: int) -> None:
        """Begin calls and cancel each at once; come back whenever the server closes the connection."""
        sent = 0
        while sent < count:
            async with http2.connected(self.address) as wire:
                stream = 1
                while sent < count and not wire.is_closed:
                    batch = range(stream, stream + 2 * min(100, count - sent), 2)
                    try:
                        await wire.send(http2.headers(at, GET, self.token) + http2.reset(at) for at in batch)
                    except OSError:
                        break
                    sent, stream = sent + len(batch), batch.stop
                    await asyncio.sleep(0)  # the innocent client of the same process has its turn

    async def header_only(self, count: int) -> None:
        """Begin calls and send nothing more, until the server has ended all of them."""
        calls = [Sent((GET, UPLOAD, LIST)[number % 3]) for number in range(STREAMS)]
        await self._all_ended("header only", [calls] * (count // STREAMS))

    async def stalled_uploads(self, count: int, chunk: bytes) -> None:
        """Begin uploads, send a chunk of each and no more, until the server has ended all of them."""
        header = rpc.UploadMeImageRequest(header=rpc.UploadHeader(user_id=self.user_id)).SerializeToString()
        body = http2.message(header) + http2.message(rpc.UploadMeImageRequest(chunk=chunk).SerializeToString())
        await self._all_ended(f"stalled after {len(chunk)} bytes", [[Sent(UPLOAD, body)] * 2] * (count // 2))

    async def bombs(self, content: bytes) -> None:
        """Send messages that inflate."""
        body = http2.message(content, compressed=True)
        await self._all_ended("bomb", [[Sent(method, body, ends=True, encoding="gzip")] for method in (LIST, UPLOAD)])

    async def _all_ended(self, name: str, connections: list[list[Sent]]) -> None:
        async with AsyncExitStack() as stack, asyncio.timeout(SECONDS):
            wires = [await stack.enter_async_context(http2.connected(self.address)) for _ in connections]
            await asyncio.gather(*(self._send(*each) for each in zip(wires, connections, strict=True)))
            for wire, calls in zip(wires, connections, strict=True):
                await wire.has_ended(len(calls))
            self.statuses[name] = [status for wire in wires for status in wire.ended.values()]

    async def _send(self, wire: http2.Wire, calls: list[Sent]) -> None:
        for number, call in enumerate(calls):
            stream = 2 * number + 1
            await wire.send([http2.headers(stream, call.method, self.token, grpc_encoding=call.encoding)])
            await wire.send_body(stream, call.body, ends=call.ends)


def bomb(mib: int) -> bytes:
    """Return so many MiB of zeros, gzipped to a thousandth."""
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(MIB)
    return b"".join(packing.compress(zeros) for _ in range(mib)) + packing.flush()
