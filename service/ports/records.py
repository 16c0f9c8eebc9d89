"""What the store holds: rows as values, with their sealed columns still sealed."""

from dataclasses import dataclass
from datetime import datetime

from service.domain.ledger import LedgerHead, LedgerKind
from service.domain.model import (
    Kind,
    MediaId,
    MediaType,
    MeImageId,
    Rendition,
    RequestId,
    Slot,
    Usage,
    UserId,
)
from service.domain.references import Candidate
from service.ports.sealing import WrappedKey


@dataclass(frozen=True, slots=True)
class LockedUser:
    """A user whose row this transaction holds; ``revision`` is the one that this transaction gave it."""

    user_id: UserId
    revision: int
    wrapped_key: WrappedKey


@dataclass(frozen=True, slots=True)
class MediaRecord:
    """A row of ``media``; sizes are bytes and upright pixels."""

    media_id: MediaId
    content_type: MediaType
    size_bytes: int
    width: int
    height: int
    sealed_facts: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RenditionRecord:
    """A row of ``renditions``; sizes are of the plain picture, in bytes and pixels.

    ``sealed_facts`` holds the SHA-256 of one that can be released; a thumbnail has none.
    """

    rendition: Rendition
    variant: str
    content_type: MediaType
    size_bytes: int
    width: int
    height: int
    sealed_facts: bytes | None


@dataclass(frozen=True, slots=True)
class MeImageRecord:
    """A row of ``me_images`` with the slots that it holds and its media."""

    user_id: UserId
    me_image_id: MeImageId
    kind: Kind
    usage: Usage
    slots: tuple[Slot, ...]
    sealed_text: bytes
    revision: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    purge_at: datetime | None
    media: MediaRecord


@dataclass(frozen=True, slots=True)
class NewMeImageRecord:
    """What inserting a me-image needs; its revision is the user's."""

    me_image_id: MeImageId
    media_id: MediaId
    kind: Kind
    usage: Usage
    sealed_text: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A row of ``requests``: what a retry must equal, and the answer that it gets."""

    request_id: RequestId
    content_digest: bytes
    sealed_answer: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ListPosition:
    """A place in a list, newest first: just after this me-image."""

    created_at: datetime
    me_image_id: MeImageId


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which me-images a list holds; no kinds means all."""

    kinds: tuple[Kind, ...] = ()
    ai_reference_only: bool = False
    include_deleted: bool = False


@dataclass(frozen=True, slots=True)
class ReferenceRecord:
    """A me-image as a release sees it; ``rendition`` is the one that was asked for, once it was made."""

    candidate: Candidate
    media: MediaRecord
    rendition: RenditionRecord | None


@dataclass(frozen=True, slots=True)
class References:
    """What a person has of what a release asks for, and whether they have switched all AI use off."""

    paused: bool = False
    records: tuple[ReferenceRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class LockedReferences:
    """What a release is judged by: all of it read under the person's lock."""

    user: LockedUser
    head: LedgerHead
    references: References


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Which entries a page holds; no kinds means all, None means any."""

    kinds: tuple[LedgerKind, ...] = ()
    me_image_id: MeImageId | None = None
    generator: str | None = None
    caller: str | None = None


@dataclass(frozen=True, slots=True)
class SealedRelease:
    """What a row of ``ledger`` tells of a release: what a person looks for is plain, the rest is sealed."""

    generator: str
    me_image_ids: tuple[MeImageId, ...]
    sealed: bytes


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """A row of ``ledger``."""

    user_id: UserId
    sequence: int
    kind: LedgerKind
    at: datetime
    caller: str
    me_image_id: MeImageId | None
    previous_hash: bytes
    hash: bytes
    release: SealedRelease | None
