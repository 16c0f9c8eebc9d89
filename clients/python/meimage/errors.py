"""What a refused call raises: one type, with a stable reason to decide by."""

from dataclasses import dataclass, field

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError, Metadata

DOMAIN = "meimage"
_DETAILS = "grpc-status-details-bin"
_BROKEN = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
"""Statuses that grpcio makes of a connection or a stream that was reset."""


@dataclass(frozen=True)
class FieldViolation:
    """One bad field of a request: its path, and what it must be."""

    field: str
    description: str


@dataclass(frozen=True)
class Refusal:
    """One reference that was refused: a me_image_id, the name of a slot, or empty; and the reason."""

    subject: str
    reason: str


@dataclass(eq=False)
class MeImageError(Exception):
    """A call that did not succeed.

    ``reason`` is the name of an ErrorReason without its prefix, empty where no server of ours spoke: a connection that
    was lost, a proxy. ``request_id`` is that of the server's log line. ``retry_after`` is in how many seconds the
    server wants to be asked again at the earliest, 0 where it does not say.
    """

    code: grpc.StatusCode
    reason: str
    message: str
    request_id: str = ""
    field_violations: tuple[FieldViolation, ...] = ()
    refusals: tuple[Refusal, ...] = field(default=())
    retry_after: float = 0.0

    def __str__(self) -> str:
        said = "".join(f" {bad.field} {bad.description}." for bad in self.field_violations)
        refused = "".join(f" {each.subject}: {each.reason}." for each in self.refusals)
        return f"{self.reason or self.code.name}: {self.message}{said}{refused}"

    @property
    def unavailable(self) -> bool:
        """Whether the server, or its storage, was away."""
        return self.code is grpc.StatusCode.UNAVAILABLE

    @property
    def lost(self) -> bool:
        """Whether the server was away or the connection broke: nothing that our server says comes without a reason."""
        return self.unavailable or (not self.reason and self.code in _BROKEN)

    @property
    def busy(self) -> bool:
        """Whether the server did nothing and wants to be asked again later, in ``retry_after`` seconds."""
        return self.retry_after > 0


class DamagedBytes(MeImageError):
    """Bytes that came are not those that were announced, or not all of them came."""

    def __init__(self, message: str) -> None:
        super().__init__(grpc.StatusCode.DATA_LOSS, "", message)


def too_large() -> MeImageError:
    """Return the refusal of a photo of more than 10 MiB, as the server words it."""
    return MeImageError(grpc.StatusCode.INVALID_ARGUMENT, "IMAGE_TOO_LARGE", "The photo has more than 10 MiB.")


def from_rpc(error: AioRpcError) -> MeImageError:
    """Read what a failed call said."""
    return decoded(error.code(), error.details(), error.trailing_metadata())


def decoded(code: grpc.StatusCode, details: str | None, trailers: Metadata | None) -> MeImageError:
    """Return the error of a status and its ``grpc-status-details-bin``; whatever is not ours there is passed over."""
    error = MeImageError(code, "", details or "The call failed.")
    raw = next((value for name, value in trailers or () if name == _DETAILS and isinstance(value, bytes)), b"")
    info, bad, failed, later = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.PreconditionFailure(),
        error_details_pb2.RetryInfo(),
    )
    try:
        for detail in status_pb2.Status.FromString(raw).details:
            if detail.Unpack(info) and info.domain == DOMAIN:
                error.reason, error.request_id = info.reason, info.metadata.get("request_id", "")
            elif detail.Unpack(bad):
                error.field_violations = tuple(FieldViolation(at.field, at.description) for at in bad.field_violations)
            elif detail.Unpack(failed):
                error.refusals = tuple(Refusal(at.subject, at.type) for at in failed.violations)
            elif detail.Unpack(later):
                error.retry_after = max(0.0, later.retry_delay.seconds + later.retry_delay.nanos / 1e9)
    except DecodeError:
        pass
    if code is grpc.StatusCode.CANCELLED and not error.reason:
        # Nobody here has cancelled, which asyncio tells by another exception: the server ended before it had answered.
        error.code = grpc.StatusCode.UNAVAILABLE
    return error
