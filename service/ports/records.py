"""What the store holds: rows as values, with their sealed columns still sealed."""

from dataclasses import dataclass
from datetime import datetime

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
    """A row of ``renditions``; sizes are of the plain picture, in bytes and pixels."""

    rendition: Rendition
    content_type: MediaType
    size_bytes: int
    width: int
    height: int


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
