"""HTTP/2 by hand: frames that no gRPC client would send. What a server says back is read, and hardly understood."""

import asyncio
import re
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

# RFC 9113, section 6
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
CANCEL = 8
INITIAL_WINDOW = 4
MAX_FRAME_BYTES = 16_384

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


def message(content: bytes, *, compressed: bool = False) -> bytes:
    """Return one gRPC message as it stands in a body."""
    return struct.pack(">BI", compressed, len(content)) + content


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
    _first_window: int = 65_535
    _windows: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int, {0: 65_535}))
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, parts: Iterable[bytes]) -> None:
        """Send frames, as many at once as the connection takes. Raises OSError when the server has closed it."""
        for part in parts:
            self.writer.write(part)
            if self.writer.transport.get_write_buffer_size() > 256 * 1024:
                await self.writer.drain()
        await self.writer.drain()

    async def send_body(self, stream: int, body: bytes, *, ends: bool = False) -> None:
        """Send a part of a body as the server's windows let it; none once the server has ended the stream."""
        while body and stream not in self.ended and not self.is_closed:
            window = min(self._windows[0], self._first_window + self._windows[stream], MAX_FRAME_BYTES)
            if window <= 0:
                self._news.clear()
                await self._news.wait()
                continue
            part, body = body[:window], body[window:]
            self._windows[0] -= len(part)
            self._windows[stream] -= len(part)
            await self.send([frame(DATA, END_STREAM if ends and not body else 0, stream, part)])

    async def has_ended(self, calls: int) -> None:
        """Wait until the server has ended so many streams, or the connection."""
        while len(self.ended) < calls and not self.is_closed:
            self._news.clear()
            await self._news.wait()

    async def read(self) -> None:
        """Read frames until the server closes the connection."""
        with suppress(OSError, EOFError):
            while True:
                high, low, kind, flags, stream = _HEAD.unpack(await self.reader.readexactly(_HEAD.size))
                self._take(kind, flags, stream, await self.reader.readexactly(high << 8 | low))
                self._news.set()
        self.is_closed = True
        self._news.set()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            for name, value in struct.iter_unpack(">HI", payload):
                self._first_window = value if name == INITIAL_WINDOW else self._first_window
            self.writer.write(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.writer.write(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            self._windows[stream] += struct.unpack(">I", payload)[0]
        elif kind == HEADERS and flags & END_STREAM:
            status = _STATUS.search(payload)
            self.ended[stream] = int(status[1]) if status else None
        elif kind == RST_STREAM:
            self.ended.setdefault(stream, None)


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
