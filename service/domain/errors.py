"""Why a call is refused: one type for each reason, recognised by type and never by text.

A docstring's first line is the public message. The texts hold nothing that a caller sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

MAX_VIOLATIONS = 20
"""Violations told to a caller: proxies limit trailers to about 8 KiB."""


class MeImageError(Exception):
    """The call was refused. ``retry_seconds`` is how soon it is worth another try, where that is known."""

    reason: ClassVar[str]
    retry_seconds: float | None = None

    def __init__(self) -> None:
        super().__init__(self.public_message())

    @classmethod
    def public_message(cls) -> str:
        """The first line of the docstring, which every reason writes for callers."""
        return (cls.__doc__ or "").strip().splitlines()[0]


class Unauthenticated(MeImageError):
    """A valid bearer token is needed in the authorization metadata, and with some a client certificate."""

    reason = "UNAUTHENTICATED"


class PermissionDenied(MeImageError):
    """The token does not allow this call for this user."""

    reason = "PERMISSION_DENIED"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One bad field: its path in the request, and what it must be."""

    field: str
    description: str


class InvalidFields(MeImageError):
    """Some fields of the request are missing or malformed."""

    reason = "INVALID_FIELDS"

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        super().__init__()
        self.violations = tuple(violations[:MAX_VIOLATIONS])


class InvalidPageToken(MeImageError):
    """The page token does not belong to this list with these filters."""

    reason = "INVALID_PAGE_TOKEN"


class RequestIdReused(MeImageError):
    """The request_id was used before for a request with other content."""

    reason = "REQUEST_ID_REUSED"


class UploadOutOfOrder(MeImageError):
    """An upload is one header, then chunks of 1 byte to 1 MiB."""

    reason = "UPLOAD_OUT_OF_ORDER"


class UploadEmpty(MeImageError):
    """The upload ended without a byte."""

    reason = "UPLOAD_EMPTY"


class UploadStalled(MeImageError):
    """The caller stopped sending, or sent too slowly."""

    reason = "UPLOAD_STALLED"


class ImageTooLarge(MeImageError):
    """The photo has more than 10 MiB."""

    reason = "IMAGE_TOO_LARGE"


class DigestMismatch(MeImageError):
    """The bytes do not match the sha256 or size_bytes of the header."""

    reason = "DIGEST_MISMATCH"


class UnsupportedMediaType(MeImageError):
    """Photos are still JPEG, PNG, WebP, HEIC, HEIF or AVIF images."""

    reason = "UNSUPPORTED_MEDIA_TYPE"


class TooManyPixels(MeImageError):
    """The photo has more than 40 megapixels, or more than 16,384 pixels on a side."""

    reason = "TOO_MANY_PIXELS"


class UndecodableImage(MeImageError):
    """The photo cannot be decoded; it may be damaged or incomplete."""

    reason = "UNDECODABLE_IMAGE"


class MeImageNotFound(MeImageError):
    """The user has no such me-image."""

    reason = "ME_IMAGE_NOT_FOUND"


class MediaNotFound(MeImageError):
    """The user has no such media."""

    reason = "MEDIA_NOT_FOUND"


class TooSlow(MeImageError):
    """The server did not finish in time; the call may have taken effect, retry it with its request_id."""

    reason = "TOO_SLOW"


class Overloaded(MeImageError):
    """The server has as much work as it can hold; retry later."""

    reason = "OVERLOADED"
    retry_seconds = 1.0


class RateLimited(MeImageError):
    """This caller makes more calls than it may; retry later, and call less often."""

    reason = "RATE_LIMITED"

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.retry_seconds = seconds


class StorageUnavailable(MeImageError):
    """The storage is away; the call may have taken effect, retry it with its request_id."""

    reason = "STORAGE_UNAVAILABLE"


class ServerStopping(MeImageError):
    """The server is stopping; call again, and another one answers."""

    reason = "SERVER_STOPPING"


class UnknownMethod(MeImageError):
    """This server has no such method."""

    reason = "UNKNOWN_METHOD"


class InternalFault(MeImageError):
    """The server failed; its operators find the cause in the log by the request_id."""

    reason = "INTERNAL"


class SlotEmpty(MeImageError):
    """No me-image stands for this slot."""

    reason = "SLOT_EMPTY"


class MeImageDeleted(MeImageError):
    """The me-image is deleted; undelete it first."""

    reason = "ME_IMAGE_DELETED"


class EtagMismatch(MeImageError):
    """The me-image has changed since its etag was read."""

    reason = "ETAG_MISMATCH"


class QuotaExceeded(MeImageError):
    """The person has as many me-images as one may have; deleted ones count until they are removed for good."""

    reason = "QUOTA_EXCEEDED"


class InvalidResumeToken(MeImageError):
    """The resume token was not made for these events."""

    reason = "INVALID_RESUME_TOKEN"


class ResumeTokenExpired(MeImageError):
    """Events after the resume token are no longer kept; list everything, then watch from now."""

    reason = "RESUME_TOKEN_EXPIRED"


class ConsentNotGiven(MeImageError):
    """The person has not opted this me-image in to AI use."""

    reason = "CONSENT_NOT_GIVEN"


class AiReferencesPaused(MeImageError):
    """The person has switched all AI use off."""

    reason = "AI_REFERENCES_PAUSED"


class TooManyReferences(MeImageError):
    """These are more references than the generator takes in one call."""

    reason = "TOO_MANY_REFERENCES"


class UnknownGenerator(MeImageError):
    """The registry has no such generator; ListGenerators has those that there are."""

    reason = "UNKNOWN_GENERATOR"


class UserErased(MeImageError):
    """This person was erased for good, and the user_id is never used again."""

    reason = "USER_ERASED"


class NoSigningKey(MeImageError):
    """This server has no key to certify an erasure with; its operators set ME_IMAGES_SIGNING_KEY_FILE."""

    reason = "NO_SIGNING_KEY"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one reference is refused; ``subject`` is its me_image_id, the name of its slot, or empty for all."""

    subject: str
    why: type[MeImageError]


class ReferencesRefused(Exception):
    """Some references are refused, so nothing is released. Callers are told the reason of the first."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__()
        self.refusals = tuple(refusals)
