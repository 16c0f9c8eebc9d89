"""``upkeep``: remove what nobody uses until nothing is left, and print what it was."""

import asyncio
import os
import sys
import time
from dataclasses import fields

from service.adapters.postgres.turns import PostgresTurns
from service.adapters.upkeeper import bounded
from service.commands.serve import stop_signal
from service.config import Settings
from service.ports.upkeep import Turn
from service.settled import retention
from service.usecases.upkeep import Upkeep, UpkeepReport
from service.wiring import Built, open_world

RUNS_ELSEWHERE = "another process runs upkeep now, and one at a time does; nothing was done\n"
ITEMS = 500
"""Of each sweep, so that a long run tells now and then how far it is."""


async def upkeep(settings: Settings) -> int:
    """Sweep and print the report.

    Returns 0 when nothing is left, 1 when something could not go or is left after Ctrl-C, and EX_TEMPFAIL (75) when
    another process runs upkeep.
    """
    turns = PostgresTurns(settings.database_url.get_secret_value())
    async with stop_signal() as stop, open_world(settings) as built, turns.taken() as turn:
        if turn is None:
            sys.stderr.write(RUNS_ELSEWHERE)
            return os.EX_TEMPFAIL
        report = await _run(settings, built, turn, stop)
    sys.stdout.write(_said(report))
    return 1 if report.failed or report.is_left else 0


async def _run(settings: Settings, built: Built, turn: Turn, stop: asyncio.Event) -> UpkeepReport:
    """Run again and again, each time from where the run before stopped."""
    runs = Upkeep(built.world, retention(settings), built.parts.upkeep)
    total = await runs.run(bounded(turn, stop, time.monotonic, ITEMS))
    while total.is_left and not (stop.is_set() or turn.is_lost):
        sys.stdout.write(f"{_said(total)}going on …\n")
        sys.stdout.flush()
        total = _sum(total, await runs.run(bounded(turn, stop, time.monotonic, ITEMS)))
    return total


def _sum(earlier: UpkeepReport, later: UpkeepReport) -> UpkeepReport:
    counts = {
        each.name: getattr(earlier, each.name) + getattr(later, each.name)
        for each in fields(UpkeepReport)
        if each.name != "is_left"
    }
    return UpkeepReport(**counts, is_left=later.is_left)


def _said(report: UpkeepReport) -> str:
    lines = [
        f"removed {report.me_images} deleted me-images, {report.media} unused media with {report.objects} objects, "
        f"{report.requests} answers kept for retries, and {report.events} events; "
        f"filed {report.certificates} certificates of erasure"
    ]
    if report.failed:
        lines += [f"{report.failed} could not go and are tried again by the next run; the log says why"]
    return "".join(f"{line}\n" for line in lines)
