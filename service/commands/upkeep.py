"""``upkeep``: remove what nobody uses, once, and print what it was."""

import sys

from service.config import Settings
from service.usecases import upkeep as use_case
from service.wiring import open_world, retention


async def upkeep(settings: Settings) -> int:
    """Sweep and print the report."""
    async with open_world(settings) as built:
        report = await use_case.upkeep(built.world, retention(settings))
    sys.stdout.write(
        f"removed {report.me_images} deleted me-images, {report.media} unused media with {report.objects} objects, "
        f"{report.requests} answers kept for retries, and {report.events} events; "
        f"filed {report.certificates} certificates of erasure\n"
    )
    return 0
