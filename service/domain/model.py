"""The pool's words as values: users, me-images, media, renditions, primary slots."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

UserId = NewType("UserId", str)
MeImageId = NewType("MeImageId", UUID)
MediaId = NewType("MediaId", UUID)
RequestId = NewType("RequestId", UUID)
Etag = NewType("Etag", str)


class Kind(StrEnum):
    """What a me-image shows."""

    FACE = "FACE"
    FULLBODY = "FULLBODY"
    HALFBODY = "HALFBODY"
    HANDS = "HANDS"
    REFERENCE = "REFERENCE"


class Slot(StrEnum):
    """A primary slot, in the order in which answers name them."""

    AVATAR = "AVATAR"
    FACE_REF = "FACE_REF"
    BODY_REF = "BODY_REF"


class PrimaryRule(StrEnum):
    """Which rule chose the me-image that stands for a slot."""

    HOLDER = "HOLDER"
    FACE_REF_HOLDER = "FACE_REF_HOLDER"
    NEWEST_SHOWN = "NEWEST_SHOWN"


class MediaType(StrEnum):
    """The picture formats that are taken, by their IANA names."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    HEIC = "image/heic"
    AVIF = "image/avif"


class Rendition(StrEnum):
    """A derived picture, named by format and longest side in pixels."""

    WEBP_320 = "webp-320"
    PNG_1024 = "png-1024"
    JPEG_2048 = "jpeg-2048"
    PNG_SQUARE_1024 = "png-square-1024"


THUMBNAIL = Rendition.WEBP_320


@dataclass(frozen=True, slots=True)
class AiSettings:
    """What a person decided about all of their me-images; ``references_enabled`` is the panic switch."""

    references_enabled: bool = True
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a me-image may be used for; ``ai_reference`` is the opt-in."""

    ai_reference: bool = False
    show_in_profile: bool = True


@dataclass(frozen=True, slots=True)
class Media:
    """The stored bytes of one photo; sizes are upright pixels, ``sha256`` is lower-case hex."""

    media_id: MediaId
    content_type: MediaType
    size_bytes: int
    sha256: str
    width: int
    height: int
    filename: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewMeImage:
    """A me-image to be created, with the slots that it claims."""

    kind: Kind
    label: str
    tags: tuple[str, ...]
    usage: Usage
    claim_slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class MeImage:
    """One entry of a user's pool."""

    user_id: UserId
    me_image_id: MeImageId
    kind: Kind
    label: str
    tags: tuple[str, ...]
    usage: Usage
    slots: tuple[Slot, ...]
    media: Media
    etag: Etag
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    purge_at: datetime | None = None
