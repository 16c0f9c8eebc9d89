"""Tables: with colours and thumbnails for people, plain where the output goes elsewhere."""

import sys
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from meimage.cli.session import Session
from meimage.cli.terminal import Drawing, drawing_for
from meimage.cli.words import printable

ROWS, COLUMNS = 4, 8
"""The space of a thumbnail in the terminal's cells, which are about twice as high as wide."""

Cell = str | Text


def show_table(
    session: Session,
    heads: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    wraps: Sequence[str],
    thumbnails: Sequence[bytes] = (),
) -> None:
    """Write a table, in which the columns of ``wraps`` make room where it is narrow.

    Tab-separated and without heads where the output is no terminal.
    """
    if not session.out.is_terminal:
        for row in rows:
            session.say("\t".join(" ".join(str(cell).split()) for cell in row))
        return
    drawing = drawing_for(session) if any(thumbnails) else None
    table = Table(box=box.SIMPLE_HEAD if drawing is None else None, pad_edge=False, header_style="bold")
    for head in [""] * (drawing is not None) + list(heads):
        table.add_column(head, no_wrap=drawing is not None or head not in wraps, overflow="ellipsis")
    for row in rows:
        cells = [Text("\n".join([" " * COLUMNS] * ROWS))] if drawing else []
        table.add_row(*cells, *(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row))
    if drawing is None:
        session.out.print(table)
    else:
        _draw(session, table, drawing, thumbnails)


def _draw(session: Session, table: Table, drawing: Drawing, thumbnails: Sequence[bytes]) -> None:
    """Write each row and then its thumbnail into the space that the row has left for it."""
    with session.out.capture() as written:
        session.out.print(table)
    head, *lines = written.get().splitlines()
    sys.stdout.write(f"{head}\n")
    for number, thumbnail in enumerate(thumbnails):
        row = "\n".join(lines[number * ROWS : (number + 1) * ROWS])
        sys.stdout.write(f"{row}\n")
        if thumbnail:
            # Up to the row's first line; the cursor comes back to where it is now, wherever the picture leaves it.
            sys.stdout.write(f"\x1b7\x1b[{ROWS}A{drawing(thumbnail, COLUMNS, ROWS)}\x1b8")
    sys.stdout.flush()
