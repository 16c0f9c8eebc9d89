"""What turns readable bytes into ciphertext and back."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from service.domain.model import UserId


class Purpose(StrEnum):
    """What a sealed thing is, so that one kind never opens as another."""

    USER_KEY = "user-key"
    OBJECT = "object"
    MEDIA_FACTS = "media-facts"
    RENDITION_FACTS = "rendition-facts"
    RELEASE = "release"
    ME_IMAGE_TEXT = "me-image-text"
    ANSWER = "answer"


class DigestUse(StrEnum):
    """What a keyed digest compares."""

    MEDIA_CONTENT = "media-content"
    REQUEST_CONTENT = "request-content"


@dataclass(frozen=True, slots=True)
class SealContext:
    """Where a sealed thing belongs: anywhere else it does not open. What a user has once needs no id."""

    purpose: Purpose
    user_id: UserId
    object_id: UUID | None = None
    variant: str = ""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A user's key under a key-encryption key; the epoch stands inside the blob."""

    blob: bytes


class UserKey:
    """A user's key in the open: for the vault alone, and never shown."""

    __slots__ = ("secret",)

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        return "UserKey(...)"


class SealBroken(Exception):
    """A sealed thing did not open: altered, moved, or of another key. Nothing of it was handed out."""


class EpochUnknown(SealBroken):
    """A user's key is wrapped under an epoch whose key-encryption key is not at hand."""


class Vault(Protocol):
    """Seals and opens; the one place that knows keys."""

    @property
    def newest_epoch(self) -> int:
        """The epoch that wraps."""
        ...

    def knows(self, epoch: int) -> bool:
        """Whether the key-encryption key of an epoch is at hand."""
        ...

    def new_user_key(self, user_id: UserId) -> WrappedKey:
        """Return a fresh random key for a user, wrapped under the newest epoch."""
        ...

    def unwrap(self, user_id: UserId, wrapped: WrappedKey) -> UserKey:
        """Return the user's key. Raises SealBroken for a foreign or altered blob, EpochUnknown."""
        ...

    def epoch_of(self, wrapped: WrappedKey) -> int:
        """Return the epoch that a key says it is wrapped under. Raises SealBroken for what is no wrapped key."""
        ...

    def rewrap(self, user_id: UserId, wrapped: WrappedKey) -> WrappedKey:
        """Return the same key wrapped under the newest epoch. Raises SealBroken, EpochUnknown."""
        ...

    def seal(self, key: UserKey, context: SealContext, plain: bytes) -> bytes:
        """Return the sealed bytes; equal input never gives equal output."""
        ...

    def open(self, key: UserKey, context: SealContext, sealed: bytes) -> bytes:
        """Return the plain bytes, whole and proven. Raises SealBroken."""
        ...

    def keyed_digest(self, key: UserKey, use: DigestUse, content: bytes) -> bytes:
        """Return 32 bytes that are equal for equal content of one user, and tell nothing across users."""
        ...
