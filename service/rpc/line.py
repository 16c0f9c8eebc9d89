"""Who waits for room: callers take turns, and of each caller the call that came first."""

import asyncio
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A call that waits for ``size`` bytes; its ``turn`` is done when it has them."""

    caller: str
    size: int
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Line:
    """The line: a caller whose turn it was goes behind all other callers."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Waiting]] = {}
        self._bytes: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def bytes_of(self, caller: str) -> int:
        """How many bytes a caller's calls wait for."""
        return self._bytes.get(caller, 0)

    @property
    def bytes(self) -> int:
        """How many bytes all calls wait for."""
        return sum(self._bytes.values())

    @property
    def first(self) -> Waiting | None:
        """Whose turn it is."""
        line = next(iter(self._lines.values()), None)
        return line[0] if line else None

    def join(self, waiting: Waiting) -> None:
        """Go to the end of the caller's own calls."""
        self._lines.setdefault(waiting.caller, deque()).append(waiting)
        self._bytes[waiting.caller] = self.bytes_of(waiting.caller) + waiting.size

    def serve(self, waiting: Waiting) -> None:
        """Take out the first, whose caller then goes behind all others."""
        line = self._lines.pop(waiting.caller)
        self._lines[waiting.caller] = line
        self.leave(waiting)

    def leave(self, waiting: Waiting) -> None:
        """Take a call out, unless it is out already."""
        line = self._lines.get(waiting.caller)
        if line is None or waiting not in line:
            return
        line.remove(waiting)
        self._bytes[waiting.caller] -= waiting.size
        if not line:
            del self._lines[waiting.caller], self._bytes[waiting.caller]
