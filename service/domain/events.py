"""What is told to other backends: ids and facts, never a label or a tag."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from service.domain.model import Kind, MediaId, MeImageId, Slot, UserId


@dataclass(frozen=True, slots=True)
class MeImageAdded:
    """A me-image was created."""

    kind: Kind
    media_id: MediaId


@dataclass(frozen=True, slots=True)
class MeImageUpdated:
    """Fields of a me-image changed; ``changed_paths`` as the update mask names them."""

    changed_paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeImageAiReferenceToggled:
    """The opt-in changed."""

    enabled: bool


@dataclass(frozen=True, slots=True)
class MeImagePrimaryChanged:
    """A slot has another holder, or none."""

    slot: Slot
    previous: MeImageId | None
    holder: MeImageId | None


@dataclass(frozen=True, slots=True)
class MeImageDeleted:
    """A me-image was deleted, and goes for good at ``purge_at``."""

    purge_at: datetime


@dataclass(frozen=True, slots=True)
class MeImageRestored:
    """A deleted me-image came back."""


@dataclass(frozen=True, slots=True)
class MeImagePurged:
    """A deleted me-image was removed for good."""


@dataclass(frozen=True, slots=True)
class AiSettingsChanged:
    """The switch over all opt-ins changed."""

    references_enabled: bool


@dataclass(frozen=True, slots=True)
class UserErased:
    """The user was erased for good; nothing is told of them after it, nor what was told before."""


Fact: TypeAlias = (
    MeImageAdded
    | MeImageUpdated
    | MeImageAiReferenceToggled
    | MeImagePrimaryChanged
    | MeImageDeleted
    | MeImageRestored
    | MeImagePurged
    | AiSettingsChanged
    | UserErased
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a pool; ``revision`` is the user's after the change."""

    event_id: UUID
    user_id: UserId
    revision: int
    at: datetime
    caller: str
    me_image_id: MeImageId | None
    fact: Fact
