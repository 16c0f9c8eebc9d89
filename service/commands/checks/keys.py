"""The keys: those of users against the KEK file, and those that tokens are verified with."""

import asyncio
import time
from collections import Counter

from service.adapters.jwks import UnusableJwks, parse_jwks
from service.adapters.keks import ReadAgain, UnusableKekFile, read_keks
from service.adapters.postgres.store import PostgresStore
from service.adapters.vault import KeyVault
from service.commands.checks.findings import Finding, ok, problem, skipped, warning
from service.config import Settings
from service.settled import key_source
from service.usecases.keys import WrongKeks, require_keks


async def check_epochs(settings: Settings, store: PostgresStore | None) -> list[Finding]:
    """Look whether every epoch that is in use is in the file, and opens."""
    try:
        vault = KeyVault(read_keks(settings.kek_file), ReadAgain(settings.kek_file, time.monotonic))
    except UnusableKekFile:
        return [skipped("key epochs in use: the KEK file is unusable")]
    if store is None:
        return [skipped("key epochs in use: only the database knows them")]
    try:
        await require_keks(store, vault)
    except WrongKeks as error:
        remedy = "Put the lines of those epochs back into ME_IMAGES_KEK_FILE: nothing of these users opens without."
        return [problem(str(error).rstrip("."), remedy)]
    used = await store.keys_by_epoch()
    if older := [epoch for epoch in used if epoch < vault.newest_epoch]:
        keys = sum(used[epoch] for epoch in older)
        return [
            warning(
                f"key epochs: {keys:,} users' keys are under older epochs than {vault.newest_epoch}",
                "Once every server has the newest: `python -m service rewrap-keys`.",
            )
        ]
    return [ok(f"key epochs: in use {', '.join(map(str, used)) or 'none yet'}, and all of them open")]


async def check_jwks(settings: Settings) -> list[Finding]:
    """Look at the issuer's keys as a server reads them."""
    try:
        source = key_source(settings)
    except UnusableJwks as error:
        return [problem(str(error), "Name a file of CAs in PEM, or unset it for the usual ones.")]
    try:
        keys = parse_jwks(await asyncio.to_thread(source.read))
    except UnusableJwks as error:
        remedy = "A JWKS has to be there, with EdDSA (Ed25519), ES256 or RS256 public keys that have a kid."
        if not source.needed_at_start:
            remedy += " The address must be reachable from here, over TLS that ME_IMAGES_JWKS_CA_FILE vouches for."
        return [problem(f"{source.setting} {error}", remedy)]
    kinds = Counter(key.algorithm_name for key in keys.values())
    said = ", ".join(f"{count} x {name}" for name, count in sorted(kinds.items()))
    return [ok(f"token keys: {said}, from {source.setting}")]
