"""How things stand: erasures that a restored database has forgotten, and what waits for upkeep."""

from service.adapters.objects import S3Objects
from service.adapters.postgres.named_objects import erased_among
from service.adapters.postgres.standing import MOST, Standing
from service.adapters.postgres.store import PostgresStore
from service.commands.checks.findings import Finding, ok, problem, skipped, warning
from service.config import Settings
from service.domain.erasure import ERASURES
from service.domain.errors import StorageUnavailable
from service.ports.outside import Clock
from service.settled import bucket_address, policy, retention

CERTIFICATES = 1_000
"""So many are compared; `upkeep --audit` compares them all."""


async def check_erasures(settings: Settings, store: PostgresStore | None) -> list[Finding]:
    """Look whether everybody is erased here whom a certificate names."""
    if store is None:
        return [skipped("certificates of erasure: only the database knows who is erased")]
    try:
        async with S3Objects.connect(bucket_address(settings), connections=1) as objects:
            keys = await objects.keys(ERASURES, "", CERTIFICATES)
    except StorageUnavailable:
        return [skipped("certificates of erasure: the bucket cannot be listed")]
    forgotten = len(keys) - len(await erased_among(store.database, keys))
    if forgotten:
        return [
            problem(
                f"{forgotten:,} certificates of erasure name people who are not erased here: a backup was restored",
                "Stop the servers and run `python -m service replay-erasures`.",
            )
        ]
    said = f"the first {len(keys):,}" if len(keys) == CERTIFICATES else f"all {len(keys):,}"
    return [ok(f"certificates of erasure: {said} name people who are erased here")]


async def check_upkeep(settings: Settings, clock: Clock, store: PostgresStore | None) -> list[Finding]:
    """Look whether upkeep keeps up."""
    if store is None:
        return [skipped("upkeep: only the database knows what waits")]
    waiting = await Standing(store.database, clock, retention(settings), policy(settings)).backlog()
    behind = [table for table, rows in waiting.items() if rows >= MOST]
    if behind:
        remedy = (
            "Run `python -m service upkeep` once, and look at me_images_upkeep_runs_total."
            if settings.upkeep
            else "Run `python -m service upkeep` more often, or let servers do it: ME_IMAGES_UPKEEP=true."
        )
        return [warning(f"upkeep is behind: {MOST:,} rows or more wait in {', '.join(behind)}", remedy)]
    where = f"in servers, every {settings.upkeep_minutes:g} minutes" if settings.upkeep else "by the command alone"
    return [ok(f"upkeep: {where}; {sum(waiting.values()):,.0f} rows wait for it")]
