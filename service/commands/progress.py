"""How far a long piece of work is: a bar that is redrawn on a terminal, a line now and then anywhere else."""

from collections.abc import Callable
from typing import TextIO

WIDTH = 30
LINE_SECONDS = 5.0
BAR_SECONDS = 0.1


class Progress:
    """Shows how much of a known total is done, how fast, and how long the rest takes."""

    def __init__(self, what: str, total: int, out: TextIO, monotonic: Callable[[], float]) -> None:
        self._what, self._total, self._out, self._monotonic = what, total, out, monotonic
        self._is_bar = out.isatty()
        self._began = self._shown_at = monotonic()
        self._drawn = 0

    def show(self, done: int) -> None:
        """Show it, unless that was just done."""
        now = self._monotonic()
        if now - self._shown_at >= (BAR_SECONDS if self._is_bar else LINE_SECONDS):
            self._shown_at = now
            self._write(done, now)

    def end(self, done: int) -> None:
        """Show the last state; what is written next begins on a line of its own."""
        if self._is_bar:
            self._write(done, self._monotonic())
            self._out.write("\n")
            self._out.flush()

    def _write(self, done: int, now: float) -> None:
        share = min(done / self._total, 1.0) if self._total else 1.0
        a_second = done / (now - self._began) if now > self._began else 0.0
        left = f", {max(self._total - done, 0) / a_second:,.0f} s left" if a_second and done < self._total else ""
        text = f"{done:,} of {self._total:,} {self._what}, {a_second:,.0f} a second{left}"
        if self._is_bar:
            bar = ("#" * round(share * WIDTH)).ljust(WIDTH, ".")
            line = f"[{bar}] {share:4.0%} {text}"
            self._out.write("\r" + line.ljust(self._drawn))
            self._drawn = len(line)
        else:
            self._out.write(f"{text}\n")
        self._out.flush()
