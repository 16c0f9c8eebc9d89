"""Pictures in terminals that can draw them: the protocols of kitty and iTerm2, and sixel.

Known by the environment alone: asking a terminal means waiting for an answer that many never give.
"""

import base64
import io
import os
from collections.abc import Callable, Mapping

from PIL import Image

from meimage.cli.session import Session
from meimage.cli.sixel import sixel

Drawing = Callable[[bytes, int, int], str]
"""Returns what makes a terminal draw a picture in so many columns and rows."""

CELL_WIDTH, CELL_HEIGHT = 10, 20
"""Pixels of a cell, for sixel, which knows no cells; most terminals have about these."""
_KITTY_CHUNK = 4096


def drawing_for(session: Session) -> Drawing | None:
    """Return how to draw where the output goes, None where it cannot be done or is not wanted."""
    return protocol(os.environ) if session.thumbnails and session.out.is_terminal else None


def protocol(environment: Mapping[str, str]) -> Drawing | None:
    """Return how the terminal of an environment draws. Inside tmux and screen none does without their leave."""
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if "TMUX" in environment or term.startswith(("screen", "tmux")):
        return None
    if "KITTY_WINDOW_ID" in environment or term in {"xterm-kitty", "xterm-ghostty"} or program == "ghostty":
        return kitty
    if program in {"iTerm.app", "WezTerm", "mintty"} or environment.get("LC_TERMINAL") == "iTerm2":
        return iterm
    if "sixel" in term or term.startswith(("foot", "mlterm", "yaft")):
        return sixels
    return None


def kitty(picture: bytes, columns: int, rows: int) -> str:
    """Draw by kitty's graphics protocol: a PNG in pieces of 4096 characters, no answers wanted."""
    with _fitting(picture, columns, rows) as image:
        data = base64.b64encode(_png(image)).decode()
    pieces = [data[start : start + _KITTY_CHUNK] for start in range(0, len(data), _KITTY_CHUNK)]
    first = "a=T,f=100,q=2,C=1,"
    return "".join(
        f"\x1b_G{first if not number else ''}m={int(number < len(pieces) - 1)};{piece}\x1b\\"
        for number, piece in enumerate(pieces)
    )


def iterm(picture: bytes, columns: int, rows: int) -> str:
    """Draw by iTerm2's inline images."""
    with _fitting(picture, columns, rows) as image:
        png = _png(image)
    size = f"size={len(png)};width={columns};height={rows};preserveAspectRatio=1"
    return f"\x1b]1337;File=inline=1;{size}:{base64.b64encode(png).decode()}\x07"


def sixels(picture: bytes, columns: int, rows: int) -> str:
    """Draw by DEC's sixels."""
    with _fitting(picture, columns, rows) as image:
        return sixel(image)


def _fitting(picture: bytes, columns: int, rows: int) -> Image.Image:
    with Image.open(io.BytesIO(picture)) as opened:
        image = opened.convert("RGB")
    image.thumbnail((columns * CELL_WIDTH, rows * CELL_HEIGHT))
    return image


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
