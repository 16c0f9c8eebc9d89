"""A JPEG in arithmetic coding (ITU-T T.81, SOF9), which no library at hand writes: every block is of one colour."""

import struct

from tests.pictures import marker

_STATES = {
    0: (0x5A1D, 1, 1),
    1: (0x2586, 14, 2),
    2: (0x1114, 16, 3),
    3: (0x080B, 18, 4),
    14: (0x5A7F, 15, 15),
    15: (0x3F25, 36, 16),
    16: (0x2CF2, 38, 17),
    17: (0x207C, 39, 18),
    36: (0x5AE1, 37, 37),
    38: (0x3A0D, 65, 39),
    39: (0x2EF1, 67, 40),
    40: (0x261F, 68, 41),
    68: (0x2FE8, 83, 69),
}
"""The rows of table D.3 that the marker gets to: the chance of a surprise, and the next state after one or none."""

_TURNS = frozenset({0, 14, 36})
"""States in which a surprise makes the other bit the likelier one."""


class _Coder:
    """Annex D.1 with a number of any length for C, so that no carry has to be followed up."""

    def __init__(self) -> None:
        self._low, self._range, self._shifts = 0, 0x10000, 0
        self._contexts: dict[tuple[int, int], tuple[int, int]] = {}

    def code(self, context: tuple[int, int], bit: int) -> None:
        state, likely = self._contexts.get(context, (0, 0))
        chance, surprised, confirmed = _STATES[state]
        self._range -= chance
        upper = bit != likely
        if self._range < chance and (upper or self._range < 0x8000):
            upper = not upper  # the conditional exchange: the larger part is always the likelier bit's
        if upper:
            self._low += self._range
            self._range = chance
        if bit != likely:
            self._contexts[context] = (surprised, bit if state in _TURNS else likely)
        elif self._range < 0x8000:
            self._contexts[context] = (confirmed, likely)
        while self._range < 0x8000:
            self._low, self._range, self._shifts = self._low << 1, self._range << 1, self._shifts + 1

    def finish(self) -> bytes:
        """The number that was coded, from its first bit on, stuffed (B.1.1.5)."""
        data = (self._low << (-self._shifts % 8)).to_bytes((16 + self._shifts + 7) // 8, "big")
        return data.replace(b"\xff", b"\xff\0")


class _Component:
    """The differences of one component's blocks (F.1.4.1), and the end of each block right after them."""

    def __init__(self, coder: _Coder, number: int) -> None:
        self._coder, self._number = coder, number
        self._last, self._class = 0, 0

    def block(self, value: int) -> None:
        self._difference(value - self._last)
        self._last = value
        self._code(1000, 1)  # no further coefficient

    def _code(self, context: int, bit: int) -> None:
        self._coder.code((self._number, context), bit)

    def _difference(self, difference: int) -> None:
        start = 4 * self._class
        self._code(start, int(difference != 0))
        if difference == 0:
            self._class = 0
            return
        negative = difference < 0
        self._code(start + 1, int(negative))
        rest = abs(difference) - 1
        self._code(start + 2 + negative, int(rest > 0))
        bits = rest.bit_length()
        for place in range(1, bits + 1):
            self._code(20 + place - 1, int(place < bits))
        for place in reversed(range(bits - 1)):
            self._code(20 + bits - 1 + 14, rest >> place & 1)
        self._class = (1 if not negative else 2) + (2 if rest > 1 else 0)


def arithmetic_jpeg() -> bytes:
    """The marker, 16 x 16 pixels: a block for each quadrant."""
    blocks = marker(2, 2).convert("YCbCr")
    coder = _Coder()
    components = [_Component(coder, number) for number in range(3)]
    for at, sample in enumerate(blocks.tobytes()):
        components[at % 3].block(sample - 128)  # the table of quantities says 8, the factor of a block's mean
    frame = struct.pack(">BHHB", 8, 16, 16, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    scan = b"\3\1\x00\2\x11\3\x22\0\x3f\0"
    segments = {b"\xdb": b"\0" + bytes([8]) * 64, b"\xc9": frame, b"\xda": scan}
    parts = [b"\xff" + name + struct.pack(">H", len(body) + 2) + body for name, body in segments.items()]
    return b"\xff\xd8" + b"".join(parts) + coder.finish() + b"\xff\xd9"
