"""How every mutation begins: lock the user, advance the revision, take the key in hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from service.domain.model import UserId
from service.ports.records import LockedUser
from service.ports.store import Transaction
from service.usecases.sealed import UserSeals, seals_of
from service.usecases.world import World


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mutation in progress: committed when the block ends cleanly, rolled back otherwise."""

    tx: Transaction
    user: LockedUser
    seals: UserSeals
    at: datetime


@asynccontextmanager
async def mutation(world: World, user_id: UserId) -> AsyncIterator[Mutation]:
    """Begin a mutation of a user who may be new."""
    fresh_key = world.vault.new_user_key(user_id)
    async with world.store.transaction() as tx:
        user = await tx.lock_user(user_id, fresh_key, world.clock.now())
        yield _begun(world, tx, user)


@asynccontextmanager
async def mutation_of_known(world: World, user_id: UserId) -> AsyncIterator[Mutation | None]:
    """Begin a mutation of a user who exists; None for one who does not."""
    async with world.store.transaction() as tx:
        user = await tx.lock_known_user(user_id)
        yield None if user is None else _begun(world, tx, user)


def _begun(world: World, tx: Transaction, user: LockedUser) -> Mutation:
    """The time is read under the lock, so that the times of a user's mutations follow their order."""
    return Mutation(tx, user, seals_of(world.vault, user.user_id, user.wrapped_key), world.clock.now())
