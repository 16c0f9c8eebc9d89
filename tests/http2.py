"""HTTP/2 by hand: frames that no gRPC client would send. What a server says back is read, and hardly understood."""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

# RFC 9113, section 6
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
CANCEL = 8

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_STATUS = re.compile(rb"grpc-status[\x01\x02](\d\d?)")
_NO_TABLE = struct.pack(">HI", 1, 0)
"""SETTINGS_HEADER_TABLE_SIZE 0: headers come in full every time, so that a status can be found without a table."""

_HEAD = struct.Struct(">HBBBI")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return one frame."""
    return _HEAD.pack(len(payload) >> 8, len(payload) & 0xFF, kind, flags, stream) + payload


def headers(stream: int, method: str, token: str, **more: str) -> bytes:
    """Return the frame that begins a gRPC call; the names of ``more`` are headers with _ for -."""
    block = b"\x83\x86" + _named(4, method) + _named(1, "localhost") + _literal("te", "trailers")
    block += _literal("content-type", "application/grpc") + _literal("authorization", f"Bearer {token}")
    for name, value in more.items():
        block += _literal(name.replace("_", "-"), value)
    return frame(HEADERS, END_HEADERS, stream, block)


def message(stream: int, content: bytes, *, compressed: bool = False, ends: bool = False) -> bytes:
    """Return the frames of one gRPC message."""
    whole = struct.pack(">BI", compressed, len(content)) + content
    parts = [whole[start : start + 16_384] for start in range(0, len(whole), 16_384)]
    last = len(parts) - 1
    return b"".join(
        frame(DATA, END_STREAM if ends and at == last else 0, stream, part) for at, part in enumerate(parts)
    )


def reset(stream: int) -> bytes:
    """Return the frame that cancels a call."""
    return frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL))


def _integer(value: int, bits: int) -> bytes:
    """RFC 7541, section 5.1, with zeros for what comes before the prefix."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    value, out = value - most, bytearray([most])
    while value >= 128:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _text(value: str) -> bytes:
    return _integer(len(value), 7) + value.encode()


def _named(index: int, value: str) -> bytes:
    return _integer(index, 4) + _text(value)


def _literal(name: str, value: str) -> bytes:
    return b"\x00" + _text(name) + _text(value)


@dataclass
class Wire:
    """A connection. ``ended`` are the streams that the server has ended, with the gRPC status where one was read."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    ended: dict[int, int | None] = field(default_factory=dict)
    is_closed: bool = False

    async def send(self, parts: Iterable[bytes]) -> None:
        """Send frames, as many at once as the connection takes. Raises OSError when the server has closed it."""
        for part in parts:
            self.writer.write(part)
            if self.writer.transport.get_write_buffer_size() > 256 * 1024:
                await self.writer.drain()
        await self.writer.drain()

    async def read(self) -> None:
        """Read frames until the server closes the connection."""
        with suppress(OSError, EOFError):
            while True:
                high, low, kind, flags, stream = _HEAD.unpack(await self.reader.readexactly(_HEAD.size))
                payload = await self.reader.readexactly(high << 8 | low)
                if kind in {SETTINGS, PING} and not flags & ACK:
                    self.writer.write(frame(kind, ACK, 0, b"" if kind == SETTINGS else payload))
                elif kind == HEADERS and flags & END_STREAM:
                    status = _STATUS.search(payload)
                    self.ended[stream] = int(status[1]) if status else None
                elif kind == RST_STREAM:
                    self.ended.setdefault(stream, None)
        self.is_closed = True


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Wire]:
    """Connect until the block ends; what the server sends is read all the while."""
    host, _, port = address.rpartition(":")
    wire = Wire(*await asyncio.open_connection(host, int(port)))
    reading = asyncio.create_task(wire.read())
    try:
        await wire.send([_PREFACE, frame(SETTINGS, 0, 0, _NO_TABLE)])
        yield wire
    finally:
        reading.cancel()
        wire.writer.close()
        with suppress(asyncio.CancelledError, OSError):
            await reading
