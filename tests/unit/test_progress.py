"""The progress of a command: a bar on a terminal, lines in a file."""

import io
from itertools import pairwise

from service.commands.progress import LINE_SECONDS, WIDTH, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_line_that_is_redrawn() -> None:
    out, now = Terminal(), 0.0
    progress = Progress("keys", 10_000, out, lambda: now)
    for done in (0, 2_500, 9_999):
        now += 1
        progress.show(done)
    progress.show(10_000)  # too soon after the last
    progress.end(10_000)
    drawn = out.getvalue().split("\r")
    assert [line.split("]")[0].count("#") for line in drawn[1:]] == [0, round(WIDTH / 4), WIDTH, WIDTH]
    assert "25% 2,500 of 10,000 keys, 1,250 a second, 6 s left" in drawn[2]
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().endswith("\n")
    assert all(len(after.rstrip("\n")) >= len(before.rstrip()) for before, after in pairwise(drawn))


def test_a_file_gets_a_plain_line_now_and_then() -> None:
    out, now = io.StringIO(), 0.0
    progress = Progress("keys", 1_000, out, lambda: now)
    for done in range(0, 1_000, 100):
        progress.show(done)
        now += LINE_SECONDS / 4
    progress.end(1_000)
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("400 of 1,000 keys, 80 a second, ")
    assert "\r" not in out.getvalue()


def test_nothing_to_do_is_done() -> None:
    out = Terminal()
    progress = Progress("keys", 0, out, lambda: 0.0)
    progress.end(0)
    assert "100% 0 of 0 keys" in out.getvalue()
