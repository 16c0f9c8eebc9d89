"""``upkeep --audit``: name the objects that no row names, and the rows whose object is missing. It changes nothing."""

import sys
import time
from collections import Counter
from contextlib import aclosing
from datetime import timedelta

from service.adapters.inventory import S3Inventory
from service.adapters.postgres.database import Database
from service.adapters.postgres.migrate import require_known_schema
from service.adapters.postgres.named_objects import NamedObjects
from service.adapters.system import SystemClock
from service.commands.progress import Progress
from service.commands.serve import stop_signal
from service.config import Settings
from service.settled import bucket_address
from service.usecases.audit import Fault, Finding, Step
from service.usecases.audit import audit as use_case

CONNECTIONS = 8
_REMEDIES = {
    Fault.UNNAMED_OBJECT: "Nothing serves these objects. Unless a newer copy of the database is still to be restored,"
    " remove them from the bucket.",
    Fault.MISSING_OBJECT: "Restore these objects from a copy of the bucket. What they held is lost otherwise, and"
    " uploading the same photo again does not bring it back while its me-image is there.",
    Fault.UNNAMED_CERTIFICATE: "Was the database restored from a backup? `python -m service replay-erasures`"
    " erases again whom these name.",
    Fault.MISSING_CERTIFICATE: "A restored database could bring these people back: EraseUser for each returns the"
    " certificate; put it back under this name.",
}
_USERS_LEFT_OUT = "whose they are is said on a terminal alone\n"


async def audit(settings: Settings) -> int:
    """Print each finding and a summary; return 0 when there is none, 1 otherwise."""
    url, grace = settings.database_url.get_secret_value(), timedelta(minutes=settings.pending_media_minutes)
    found: Counter[Fault] = Counter()
    last = Step(0, 0, ())
    async with Database.connect(url, connections=1) as database:
        await require_known_schema(database)
    async with (
        stop_signal() as stop,
        S3Inventory.connect(bucket_address(settings), connections=CONNECTIONS) as inventory,
        NamedObjects.held(url) as rows,
    ):
        # Beside the findings, which may go to a file.
        progress = Progress("objects", rows.total, sys.stderr, time.monotonic)
        async with aclosing(use_case(rows, inventory, SystemClock(), grace)) as steps:
            async for last in steps:
                for finding in last.findings:
                    found[finding.fault] += 1
                    sys.stdout.write(_line(finding))
                progress.show(last.named)
                if stop.is_set():
                    break
        progress.end(last.named)
    sys.stdout.write(_summary(last, found, is_whole=not stop.is_set()))
    return 1 if found or stop.is_set() else 0


def _line(finding: Finding) -> str:
    """A user's id is on a terminal alone: whatever else reads our output may be a log."""
    whose = f" of user {finding.user_id}" if finding.user_id and sys.stdout.isatty() else ""
    return f"{finding.fault}: {finding.key}{whose}\n"


def _summary(last: Step, found: Counter[Fault], *, is_whole: bool) -> str:
    said = f"compared {last.held:,} objects with {last.named:,} that rows name: "
    if not is_whole:
        said = "stopped before the end; " + said
    if not found:
        return f"{said}nothing is wrong\n"
    said += ", ".join(f"{count:,} x {fault}" for fault, count in found.items()) + "\n"
    if not sys.stdout.isatty() and {Fault.MISSING_OBJECT, Fault.MISSING_CERTIFICATE} & found.keys():
        said += _USERS_LEFT_OUT
    return said + "".join(f"{fault}: {_REMEDIES[fault]}\n" for fault in found)
