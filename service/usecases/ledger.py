"""A person's ledger: its entries sealed where they tell of a release, and read page by page."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from service.domain.errors import InvalidPageToken
from service.domain.ledger import LedgerEntry, ReleaseFacts
from service.domain.model import UserId
from service.ports.records import LedgerFilter, LedgerRecord, SealedRelease
from service.ports.sealing import Purpose, SealContext
from service.usecases.erased import refuse_erased
from service.usecases.sealed import UserSeals, seals_of
from service.usecases.tokens import read_token, write_token
from service.usecases.world import World

_FACTS = TypeAdapter(ReleaseFacts)


@dataclass(frozen=True, slots=True)
class LedgerQuery:
    """Which entries to list, and how many."""

    user_id: UserId
    which: LedgerFilter
    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Entries, newest first."""

    entries: tuple[LedgerEntry, ...]
    next_page_token: str


async def list_ledger(world: World, query: LedgerQuery) -> LedgerPage:
    """Return a page of a person's ledger. Raises InvalidPageToken."""
    which = query.which
    bound = ("ListLedgerEntries", query.user_id, sorted(which.kinds), which.me_image_id, which.generator, which.caller)
    before = None
    if query.page_token:
        position = read_token(bound, query.page_token, size=1)
        if position is None:
            raise InvalidPageToken
        (before,) = position
    records = await world.store.entries(query.user_id, which, before, query.page_size + 1)
    if not records:
        await refuse_erased(world, query.user_id)
    shown = records[: query.page_size]
    more = len(records) > query.page_size
    next_page_token = write_token(bound, shown[-1].sequence) if more else ""
    return LedgerPage(await _opened(world, query.user_id, shown), next_page_token)


def sealed_entry(seals: UserSeals, entry: LedgerEntry) -> LedgerRecord:
    """Return the row of an entry: of a release, what a person looks for stays plain and the rest is sealed."""
    sealed = None
    if entry.release is not None:
        me_image_ids = tuple(image.me_image_id for image in entry.release.images)
        blob = seals.vault.seal(seals.key, _context(entry.user_id, entry.sequence), _FACTS.dump_json(entry.release))
        sealed = SealedRelease(entry.release.generator, me_image_ids, blob)
    return LedgerRecord(
        user_id=entry.user_id,
        sequence=entry.sequence,
        kind=entry.kind,
        at=entry.at,
        caller=entry.caller,
        me_image_id=entry.me_image_id,
        previous_hash=entry.previous_hash,
        hash=entry.hash,
        release=sealed,
    )


def opened_entry(seals: UserSeals | None, record: LedgerRecord) -> LedgerEntry:
    """Open a row; without seals, what it tells of a release stays away. Raises SealBroken."""
    release = None
    if record.release is not None and seals is not None:
        plain = seals.vault.open(seals.key, _context(record.user_id, record.sequence), record.release.sealed)
        release = _FACTS.validate_json(plain)
    return LedgerEntry(
        user_id=record.user_id,
        sequence=record.sequence,
        kind=record.kind,
        at=record.at,
        caller=record.caller,
        me_image_id=record.me_image_id,
        previous_hash=record.previous_hash,
        hash=record.hash,
        release=release,
    )


async def _opened(world: World, user_id: UserId, records: list[LedgerRecord]) -> tuple[LedgerEntry, ...]:
    """Open entries; the key is fetched only where one tells of a release."""
    wrapped = await world.store.user_key(user_id) if any(record.release for record in records) else None
    seals = seals_of(world.vault, user_id, wrapped) if wrapped else None
    return tuple(opened_entry(seals, record) for record in records)


def _context(user_id: UserId, sequence: int) -> SealContext:
    return SealContext(Purpose.RELEASE, user_id, variant=str(sequence))
