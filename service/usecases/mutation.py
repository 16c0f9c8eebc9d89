"""How every mutation runs: lock the user, advance the revision, take the key in hand; at the end, tell the events."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from service.domain.callers import Caller
from service.domain.errors import EtagMismatch, MeImageNotFound
from service.domain.events import Event, Fact
from service.domain.ledger import Deed, LedgerEntry, LedgerHead, LedgerKind, ReleaseFacts, next_entry
from service.domain.model import Etag, MeImage, MeImageId, RequestId, UserId
from service.ports.outside import Ids
from service.ports.records import LockedUser, MeImageRecord
from service.ports.transaction import Transaction
from service.usecases.answers import Retryable
from service.usecases.ledger import sealed_entry
from service.usecases.sealed import UserSeals, etag_of, seals_of
from service.usecases.world import World

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mutation in progress: committed when the block ends cleanly, rolled back otherwise."""

    tx: Transaction
    user: LockedUser
    seals: UserSeals
    caller: str
    at: datetime
    ids: Ids
    events: list[Event] = field(default_factory=list)

    @property
    def user_id(self) -> UserId:
        """Whose pool changes."""
        return self.user.user_id

    def tell(self, fact: Fact, me_image_id: MeImageId | None = None) -> None:
        """Tell other backends, once this mutation is committed."""
        revision, event_id = self.user.revision, self.ids.new_id()
        self.events.append(Event(event_id, self.user_id, revision, self.at, self.caller, me_image_id, fact))

    async def hand_over(self) -> None:
        """Put what was told into the outbox."""
        if self.events:
            await self.tx.add_events(self.user_id, self.events)

    async def enter(self, kind: LedgerKind, me_image_id: MeImageId | None = None) -> None:
        """Append to the user's ledger."""
        head = await self.tx.ledger_head(self.user_id)
        await self._append(head, Deed(self.user_id, kind, self.at, self.caller, me_image_id))

    async def enter_release(self, head: LedgerHead, release: ReleaseFacts) -> LedgerEntry:
        """Append a release to the user's ledger, whose newest entry was read under this lock."""
        kind = LedgerKind.REFERENCES_RELEASED
        return await self._append(head, Deed(self.user_id, kind, self.at, self.caller, None, release))

    async def _append(self, head: LedgerHead, deed: Deed) -> LedgerEntry:
        entry = next_entry(head, deed)
        await self.tx.add_entry(sealed_entry(self.seals, entry))
        return entry

    async def me_image(self, me_image_id: MeImageId) -> MeImage:
        """Return a me-image as it stands now, opened. Raises MeImageNotFound."""
        found = await self.tx.me_image(self.user_id, me_image_id)
        if found is None:
            raise MeImageNotFound
        return self.seals.me_image(found[1])

    async def once(
        self,
        call: Retryable[Answer],
        request_id: RequestId | None,
        content: object,
        work: Callable[[], Awaitable[Answer]],
    ) -> Answer:
        """Do the work, or give the answer that this ``request_id`` got before. Raises RequestIdReused."""
        if request_id is None:
            return await work()
        digest = call.digest(self.seals, content)
        kept = await self.tx.request(self.user_id, request_id)
        if kept is not None:
            return call.replay(self.seals, kept, digest)
        answer = await work()
        await self.tx.add_request(self.user_id, call.keep(self.seals, request_id, digest, answer, self.at))
        return answer


@dataclass(frozen=True, slots=True)
class Target:
    """The me-image that a caller changes; with an etag, only if it still has that one."""

    caller: Caller
    user_id: UserId
    me_image_id: MeImageId
    etag: Etag | None
    request_id: RequestId | None


@asynccontextmanager
async def mutation(world: World, caller: Caller, user_id: UserId) -> AsyncIterator[Mutation]:
    """Begin a mutation of a user who may be new."""
    fresh_key = world.vault.new_user_key(user_id)
    async with world.store.transaction(user_id) as tx:
        change = begun(world, caller, tx, await tx.lock_user(user_id, fresh_key, world.clock.now()))
        yield change
        await change.hand_over()


@asynccontextmanager
async def mutation_of_known(world: World, caller: Caller, user_id: UserId) -> AsyncIterator[Mutation | None]:
    """Begin a mutation of a user who exists; None for one who does not."""
    async with world.store.transaction(user_id) as tx:
        user = await tx.lock_known_user(user_id)
        change = None if user is None else begun(world, caller, tx, user)
        yield change
        if change is not None:
            await change.hand_over()


def begun(world: World, caller: Caller, tx: Transaction, user: LockedUser) -> Mutation:
    """Return the mutation of a user who is locked.

    The time is read under the lock, so that the times of a user's mutations follow their order.
    """
    seals = seals_of(world.vault, user.user_id, user.wrapped_key)
    return Mutation(tx, user, seals, str(caller), world.clock.now(), world.ids)


async def change_me_image(
    world: World,
    call: Retryable[Answer],
    target: Target,
    content: object,
    work: Callable[[Mutation, MeImageRecord], Awaitable[Answer]],
) -> Answer:
    """Run a mutation of one me-image, deleted or not.

    Raises:
        MeImageNotFound: the user has no such me-image.
        EtagMismatch: it has changed since its etag was read.
        RequestIdReused: the ``request_id`` belongs to another request.
    """
    async with world.store.transaction(target.user_id) as tx:
        locked = await tx.lock_me_image(target.user_id, target.me_image_id)
        if locked is None:
            raise MeImageNotFound
        user, record = locked
        change = begun(world, target.caller, tx, user)

        async def checked() -> Answer:
            if record is None:
                raise MeImageNotFound
            if target.etag not in {None, etag_of(record.revision)}:
                raise EtagMismatch
            return await work(change, record)

        answer = await change.once(call, target.request_id, (target.me_image_id, target.etag, content), checked)
        await change.hand_over()
        return answer
