"""The ledger: what a person decided, when and through whom, each entry chained to the one before by its hash."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from service.domain.model import MeImageId, UserId

FIRST_HASH = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LedgerKind(StrEnum):
    """What an entry tells."""

    CONSENT_GIVEN = "CONSENT_GIVEN"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    REFERENCES_PAUSED = "REFERENCES_PAUSED"
    REFERENCES_RESUMED = "REFERENCES_RESUMED"


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that belongs into a person's ledger: what, about which me-image, when, and through whom."""

    user_id: UserId
    kind: LedgerKind
    at: datetime
    caller: str
    me_image_id: MeImageId | None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry; the contract's ledger.proto states the rule of its hash."""

    user_id: UserId
    sequence: int
    kind: LedgerKind
    at: datetime
    caller: str
    me_image_id: MeImageId | None
    previous_hash: bytes
    hash: bytes


def next_entry(last: LedgerEntry | None, deed: Deed) -> LedgerEntry:
    """Return the entry of a deed that follows ``last``."""
    entry = LedgerEntry(
        user_id=deed.user_id,
        sequence=last.sequence + 1 if last else 1,
        kind=deed.kind,
        at=deed.at,
        caller=deed.caller,
        me_image_id=deed.me_image_id,
        previous_hash=last.hash if last else FIRST_HASH,
        hash=b"",
    )
    return replace(entry, hash=hash_of(entry))


def hash_of(entry: LedgerEntry) -> bytes:
    """Return the hash that the rule gives an entry, whatever hash it has."""
    microseconds = (entry.at - _EPOCH) // timedelta(microseconds=1)
    texts = (
        entry.user_id,
        str(entry.sequence),
        entry.kind.value,
        str(microseconds),
        entry.caller,
        str(entry.me_image_id or ""),
    )
    parts = (b"meimage/ledger/1", entry.previous_hash, *(text.encode() for text in texts))
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
