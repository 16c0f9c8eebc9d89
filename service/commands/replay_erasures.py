"""``replay-erasures``: after a database was restored, erase again who was erased since the backup; before serving."""

import sys

from service.config import Settings
from service.usecases import replay
from service.wiring import open_world


async def replay_erasures(settings: Settings) -> int:
    """Replay and print the report; 1 when a certificate is not trusted, because somebody may not have been erased."""
    async with open_world(settings) as built:
        report = await replay.replay_erasures(built.world)
    sys.stdout.write(f"read {report.certificates} certificates, erased {report.erased} people again\n")
    for key in report.foreign:
        sys.stdout.write(f"not trusted: {key}\n")
    return 1 if report.foreign else 0
