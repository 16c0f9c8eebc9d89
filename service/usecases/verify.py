"""Verifying ledgers: every hash is computed anew, page by page, whatever their number."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

from service.domain.ledger import LedgerEntry, LedgerFlaw, LedgerHead, flaw_of
from service.domain.model import UserId
from service.ports.administration import BEFORE_ALL, HeldEntry, LedgerPosition
from service.ports.sealing import SealBroken, Vault
from service.usecases.erased import refuse_erased
from service.usecases.ledger import opened_entry
from service.usecases.sealed import UserSeals, seals_of
from service.usecases.world import World

PAGE = 500


@dataclass(frozen=True, slots=True)
class Break:
    """The first entry of a ledger that is not what it must be."""

    user_id: UserId
    sequence: int
    flaw: LedgerFlaw


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at until now: users who have entries, entries, and users whose ledgers are not intact."""

    users: int
    entries: int
    broken: int
    is_end: bool


async def verify_ledger(world: World, user_id: UserId | None) -> AsyncGenerator[Break | Verified, None]:
    """Tell the first break of each ledger, of one user or of all, and how far it is; at last that it is the end."""
    walk, after = LedgerWalk(world.vault), BEFORE_ALL
    while page := await world.store.ledger_page(user_id, after, PAGE):
        for found in await asyncio.to_thread(walk.over, page):
            yield found
        after = LedgerPosition(page[-1].record.user_id, page[-1].record.sequence)
        if len(page) < PAGE:
            break
        yield walk.verified(is_end=False)
    if user_id is not None and after == BEFORE_ALL:
        await refuse_erased(world, user_id)
    yield walk.verified(is_end=True)


class LedgerWalk:
    """Looks at entries in their order, of one user after another; of a ledger that is broken, no further."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._user_id = UserId("")
        self._seals: UserSeals | None = None
        self._counted = Verified(0, 0, 0, is_end=False)
        self.head: LedgerHead | None = LedgerHead()
        """The newest entry that is intact; None behind a break."""

    def over(self, page: Sequence[HeldEntry]) -> list[Break]:
        """Look at entries; return where ledgers break."""
        return [broken for _, broken in map(self.look, page) if broken is not None]

    def look(self, held: HeldEntry) -> tuple[LedgerEntry | None, Break | None]:
        """Look at one entry; return it, unless it cannot be read, and the break that it is."""
        record = held.record
        if record.user_id != self._user_id:
            self._user_id, self._seals, self.head = record.user_id, None, LedgerHead()
            self._counted = replace(self._counted, users=self._counted.users + 1)
        entry = self._opened(held)
        if self.head is None:
            return entry, None
        self._counted = replace(self._counted, entries=self._counted.entries + 1)
        flaw = LedgerFlaw.RELEASE if entry is None else flaw_of(self.head, entry)
        self.head = LedgerHead(record.sequence, record.hash) if flaw is None else None
        if flaw is None:
            return entry, None
        self._counted = replace(self._counted, broken=self._counted.broken + 1)
        return entry, Break(record.user_id, record.sequence, flaw)

    def verified(self, *, is_end: bool) -> Verified:
        """Return what was looked at."""
        return replace(self._counted, is_end=is_end)

    def _opened(self, held: HeldEntry) -> LedgerEntry | None:
        """Return an entry; None where its release does not open, or is not what stands plain beside it."""
        record, wrapped = held.record, held.wrapped_key
        try:
            if record.release is not None and self._seals is None and wrapped is not None:
                self._seals = seals_of(self._vault, record.user_id, wrapped)
            entry = opened_entry(self._seals, record)
        except SealBroken:
            return None
        if record.release is None or entry.release is None:
            return entry if record.release is None else None
        shown = tuple(image.me_image_id for image in entry.release.images)
        is_same = (record.release.generator, record.release.me_image_ids) == (entry.release.generator, shown)
        return entry if is_same else None
