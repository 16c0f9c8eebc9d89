"""The reports as a table for people, and as JSON for scripts."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from tests.bench.figures import Report, Row, Series

_HEADS = ("", "unit", "service", "bare ceiling", "ratio", "aim")


def table(reports: Sequence[Report]) -> str:
    """Return all rows in columns, with the notes of each bench below."""
    cells = [_HEADS, *(_cells(row) for report in reports for row in report.rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADS))]
    lines = [_line(_HEADS, widths), "-" * (sum(widths) + 2 * (len(widths) - 1))]
    for report in reports:
        lines += [_line(_cells(row), widths) for row in report.rows]
        lines.append("")
    lines.append("median (min-max) of the rounds; the ratio is taken round by round")
    lines += [f"{report.name}: {note}" for report in reports for note in report.notes]
    return "\n".join(lines) + "\n"


def as_json(reports: Sequence[Report], settings: object) -> str:
    """Return every round of every row."""
    return json.dumps({"settings": settings, "benches": [_report(report) for report in reports]}, indent=2) + "\n"


def _report(report: Report) -> dict[str, object]:
    rows = [
        asdict(row) | {"ratio": asdict(row.ratio) if row.ratio else None, "reached": row.reached} for row in report.rows
    ]
    return {"name": report.name, "rows": rows, "notes": report.notes}


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    left = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    right = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
    return "  ".join((*left, *right)).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    verdict = {None: "", True: "reached", False: "MISSED"}[row.reached]
    return (
        row.what,
        row.unit,
        _series(row.service),
        _series(row.bare) if row.bare else "",
        _series(row.ratio, digits=2) if row.ratio else "",
        f"{row.aim} {verdict}" if row.aim else "",
    )


def _series(series: Series, digits: int | None = None) -> str:
    if digits is None:
        digits = 0 if series.median >= 100 else 1 if series.median >= 10 else 3
    middle, low, high = (f"{value:,.{digits}f}" for value in (series.median, series.low, series.high))
    return middle if len(series.rounds) == 1 else f"{middle} ({low}-{high})"
