"""``doctor``: look at everything that a server needs, and say of each what is wrong and what to do about it."""

import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import TextIO

import asyncpg

from service.adapters.postgres.database import Database, UnknownSchema
from service.adapters.postgres.migrate import require_known_schema
from service.adapters.postgres.store import PostgresStore
from service.adapters.system import RandomIds, SystemClock
from service.commands.checks.bucket import check_bucket
from service.commands.checks.database import check_database
from service.commands.checks.files import check_files, check_settings
from service.commands.checks.findings import Finding, Level, problem
from service.commands.checks.keys import check_epochs, check_jwks
from service.commands.checks.standing import check_erasures, check_upkeep
from service.config import Settings
from service.domain.errors import MeImageError
from service.logs import fault_of
from service.ports.outside import Clock, Ids
from service.variables import UnusableSettings, read_settings

WIDTH = max(len(level) for level in Level)
_COLOURS = {Level.OK: "32", Level.SKIPPED: "2", Level.WARNING: "33", Level.PROBLEM: "1;31"}

Check = Callable[[], Awaitable[list[Finding]]]


async def doctor() -> int:
    """Print the findings; return 0 without a problem, 1 with one, and 2 where the settings are unusable."""
    try:
        settings = read_settings()
    except UnusableSettings as error:
        show((problem(each.rstrip("."), "") for each in error.problems), sys.stdout)
        sys.stdout.write("The README lists all settings. Nothing else was looked at.\n")
        return 2
    found: Counter[Level] = Counter()
    async for findings in examined(settings, SystemClock(), RandomIds()):
        show(findings, sys.stdout)
        found.update(each.level for each in findings)
    counts = [f"{found[level]} {level}{'' if found[level] == 1 else 's'}" for level in (Level.PROBLEM, Level.WARNING)]
    sys.stdout.write(f"{', '.join(counts)}\n")
    return 1 if found[Level.PROBLEM] else 0


async def examined(settings: Settings, clock: Clock, ids: Ids) -> AsyncIterator[list[Finding]]:
    """Yield what each check finds; one that breaks off is a finding too, and the others go on."""
    async with AsyncExitStack() as stack:
        store = await _opened(stack, settings)
        for name, check in _checks(settings, clock, ids, store).items():
            try:
                found = await check()
            except Exception as fault:  # the doctor is asked when things are broken
                place = fault_of(fault)[0]
                found = [problem(f"the check of {name} broke off: {place}", "Mend what stands above, and try again.")]
            yield found


def show(findings: Iterable[Finding], out: TextIO) -> None:
    """Write each finding on a line, and its remedy below."""
    is_coloured = out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    for each in findings:
        level = each.level.ljust(WIDTH)
        out.write(f"\x1b[{_COLOURS[each.level]}m{level}\x1b[0m" if is_coloured else level)
        out.write(f"  {each.what}\n")
        if each.remedy:
            out.write(f"{' ' * WIDTH}  -> {each.remedy}\n")
    out.flush()


def _checks(settings: Settings, clock: Clock, ids: Ids, store: PostgresStore | None) -> dict[str, Check]:
    async def of_settings() -> list[Finding]:
        return check_settings(settings)

    async def of_files() -> list[Finding]:
        return check_files(settings, clock)

    return {
        "the settings": of_settings,
        "the files": of_files,
        "the database": lambda: check_database(settings, clock),
        "the bucket": lambda: check_bucket(settings, clock, ids),
        "the key epochs": lambda: check_epochs(settings, store),
        "the token keys": lambda: check_jwks(settings),
        "the erasures": lambda: check_erasures(settings, store),
        "upkeep": lambda: check_upkeep(settings, clock, store),
    }


async def _opened(stack: AsyncExitStack, settings: Settings) -> PostgresStore | None:
    """Open the database as a server does; None where no server could work with it, as another check says."""
    try:
        url = settings.database_url.get_secret_value()
        database = await stack.enter_async_context(Database.connect(url, connections=1))
        await require_known_schema(database)
    except (MeImageError, UnknownSchema, asyncpg.PostgresError, ValueError):
        return None
    return PostgresStore(database)
