"""The ledger: what a person decided and what was released, each entry chained to the one before by its hash."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from service.domain.model import MeImageId, Rendition, UserId

FIRST_HASH = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LedgerKind(StrEnum):
    """What an entry tells."""

    CONSENT_GIVEN = "CONSENT_GIVEN"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    REFERENCES_PAUSED = "REFERENCES_PAUSED"
    REFERENCES_RESUMED = "REFERENCES_RESUMED"
    REFERENCES_RELEASED = "REFERENCES_RELEASED"
    EXPORTED = "EXPORTED"


class LedgerFlaw(StrEnum):
    """What is wrong with an entry."""

    GAP = "GAP"
    CHAIN = "CHAIN"
    HASH = "HASH"
    RELEASE = "RELEASE"


@dataclass(frozen=True, slots=True)
class ReleasedImage:
    """One image that was handed out; ``sha256`` of exactly its bytes, in lower-case hex."""

    me_image_id: MeImageId
    rendition: Rendition
    sha256: str


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What was handed to whom, and for what."""

    release_id: UUID
    generator: str
    purpose: str
    images: tuple[ReleasedImage, ...]


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that belongs into a person's ledger: what, about which me-image, when, and through whom."""

    user_id: UserId
    kind: LedgerKind
    at: datetime
    caller: str
    me_image_id: MeImageId | None = None
    release: ReleaseFacts | None = None


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """Where a ledger stands: its newest entry."""

    sequence: int = 0
    hash: bytes = FIRST_HASH


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
    release: ReleaseFacts | None = None


def next_entry(head: LedgerHead, deed: Deed) -> LedgerEntry:
    """Return the entry of a deed that follows the newest one."""
    entry = LedgerEntry(
        user_id=deed.user_id,
        sequence=head.sequence + 1,
        kind=deed.kind,
        at=deed.at,
        caller=deed.caller,
        me_image_id=deed.me_image_id,
        previous_hash=head.hash,
        hash=b"",
        release=deed.release,
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
        *_release_texts(entry.release),
    )
    parts = (b"meimage/ledger/1", entry.previous_hash, *(text.encode() for text in texts))
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


def flaw_of(head: LedgerHead, entry: LedgerEntry) -> LedgerFlaw | None:
    """Return what is wrong with the entry that follows ``head``; None where nothing is."""
    if entry.sequence != head.sequence + 1:
        return LedgerFlaw.GAP
    if entry.previous_hash != head.hash:
        return LedgerFlaw.CHAIN
    return None if entry.hash == hash_of(entry) else LedgerFlaw.HASH


def _release_texts(release: ReleaseFacts | None) -> Iterator[str]:
    if release is None:
        return
    yield from (str(release.release_id), release.generator, release.purpose)
    for image in release.images:
        yield from (str(image.me_image_id), image.rendition.value, image.sha256)
