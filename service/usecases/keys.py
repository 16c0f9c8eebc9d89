"""Which epochs the users' keys are wrapped under, and moving those keys to the newest one.

Rewrapping changes ``users.wrapped_key`` and nothing else: the key inside stays the same, so no sealed thing is touched.
What is done stands in the database, so a run that was interrupted is repeated and does the rest.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from itertools import groupby

from service.ports.keys import HeldKey, KeyPosition, KeySwap
from service.ports.sealing import SealBroken, Vault
from service.ports.store import Store

BATCH = 500
ROUNDS = 10
PAUSE_SECONDS = 0.5
"""Between rounds: keys of users who were being changed are tried again, and changes are short."""
SAMPLE = 3
"""Keys of each epoch that start-up tries: one that is damaged must not stop a server."""


class WrongKeks(Exception):
    """The users' keys need key-encryption keys that are not at hand; the text names their epochs."""


@dataclass(frozen=True, slots=True)
class Rewrapping:
    """How far it is: keys moved by this run, and keys that do not open, in the round under way."""

    moved: int
    broken: int


async def require_keks(store: Store, vault: Vault) -> None:
    """Raise WrongKeks unless the vault opens users' keys of every epoch that is in use."""
    missing, wrong = [], []
    for epoch, held in groupby(await store.some_keys(SAMPLE), key=lambda key: key.epoch):
        if not vault.knows(epoch):
            missing.append(epoch)
        elif not any(_opens(vault, key) for key in held):
            wrong.append(epoch)
    if missing:
        raise WrongKeks(f"The KEK file lacks {_named(missing)}, which keys of users are wrapped under; put it back.")
    if wrong:
        raise WrongKeks(f"The KEK file has another key for {_named(wrong)} than users' keys are wrapped under.")


async def rewrap_keys(store: Store, vault: Vault) -> AsyncGenerator[Rewrapping, None]:
    """Move users' keys to the newest epoch, and tell after each batch how far it is; safe to stop there."""
    moved = 0
    for _ in range(ROUNDS):
        after, broken, missed = None, 0, 0
        while batch := await store.older_keys(vault.newest_epoch, after, BATCH):
            after = KeyPosition(batch[-1].epoch, batch[-1].user_id)
            swaps = [swap for key in batch if (swap := _swap(vault, key))]
            done = await store.swap_keys(swaps)
            moved, broken, missed = moved + done, broken + len(batch) - len(swaps), missed + len(swaps) - done
            yield Rewrapping(moved, broken)
        if not missed:
            return
        await asyncio.sleep(PAUSE_SECONDS)


def _swap(vault: Vault, key: HeldKey) -> KeySwap | None:
    try:
        return KeySwap(key.user_id, key.wrapped, vault.rewrap(key.user_id, key.wrapped))
    except SealBroken:
        return None


def _opens(vault: Vault, key: HeldKey) -> bool:
    try:
        vault.unwrap(key.user_id, key.wrapped)
    except SealBroken:
        return False
    return True


def _named(epochs: Iterable[int]) -> str:
    numbers = [str(epoch) for epoch in epochs]
    return f"epoch {numbers[0]}" if len(numbers) == 1 else f"epochs {', '.join(numbers[:-1])} and {numbers[-1]}"
