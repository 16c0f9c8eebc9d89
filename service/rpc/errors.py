"""The one place where an exception becomes a gRPC status: a reason for callers, a fault for the log."""

import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Never, cast

import grpc
import structlog
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from service.domain import errors
from service.rpc.calls import current_call
from service.rpc.handlers import Context, Handler, StreamBehavior, Wrapping, surround

DOMAIN = "meimage"
DETAILS_KEY = "grpc-status-details-bin"
PUSHBACK_KEY = "grpc-retry-pushback-ms"
"""What gRPC's own retries wait for, in every language, where a client's service config asks for some (gRFC A6)."""

JITTER_SECONDS = 1.0

_log = structlog.get_logger()

STATUS: Mapping[type[errors.MeImageError], grpc.StatusCode] = {
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.InvalidFields: grpc.StatusCode.INVALID_ARGUMENT,
    errors.InvalidPageToken: grpc.StatusCode.INVALID_ARGUMENT,
    errors.RequestIdReused: grpc.StatusCode.INVALID_ARGUMENT,
    errors.UploadOutOfOrder: grpc.StatusCode.INVALID_ARGUMENT,
    errors.UploadEmpty: grpc.StatusCode.INVALID_ARGUMENT,
    errors.ImageTooLarge: grpc.StatusCode.INVALID_ARGUMENT,
    errors.DigestMismatch: grpc.StatusCode.INVALID_ARGUMENT,
    errors.UnsupportedMediaType: grpc.StatusCode.INVALID_ARGUMENT,
    errors.TooManyPixels: grpc.StatusCode.INVALID_ARGUMENT,
    errors.UndecodableImage: grpc.StatusCode.INVALID_ARGUMENT,
    errors.MeImageNotFound: grpc.StatusCode.NOT_FOUND,
    errors.MediaNotFound: grpc.StatusCode.NOT_FOUND,
    errors.SlotEmpty: grpc.StatusCode.NOT_FOUND,
    errors.MeImageDeleted: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ConsentNotGiven: grpc.StatusCode.FAILED_PRECONDITION,
    errors.AiReferencesPaused: grpc.StatusCode.FAILED_PRECONDITION,
    errors.UserErased: grpc.StatusCode.FAILED_PRECONDITION,
    errors.NoSigningKey: grpc.StatusCode.FAILED_PRECONDITION,
    errors.TooManyReferences: grpc.StatusCode.FAILED_PRECONDITION,
    errors.UnknownGenerator: grpc.StatusCode.INVALID_ARGUMENT,
    errors.EtagMismatch: grpc.StatusCode.ABORTED,
    errors.QuotaExceeded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.InvalidResumeToken: grpc.StatusCode.INVALID_ARGUMENT,
    errors.ResumeTokenExpired: grpc.StatusCode.OUT_OF_RANGE,
    errors.UploadStalled: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.TooSlow: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.RateLimited: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.StorageUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.ServerStopping: grpc.StatusCode.UNAVAILABLE,
    errors.UnknownMethod: grpc.StatusCode.UNIMPLEMENTED,
    errors.InternalFault: grpc.StatusCode.INTERNAL,
}


class Errors(Wrapping):
    """Tells callers why a call was refused, and operators why it failed. ``chance`` gives numbers from 0 up to 1."""

    def __init__(self, chance: Callable[[], float]) -> None:
        super().__init__()
        self._chance = chance

    def wrap(self, method: str, handler: Handler) -> Handler:  # noqa: ARG002 - the same for every method
        """See Wrapping."""
        return surround(handler, self._told)

    async def _told(self, inner: StreamBehavior, incoming: AsyncIterator[bytes], context: Context) -> Message | None:
        try:
            return await inner(incoming, context)
        except errors.MeImageError as error:
            if error.__cause__ is not None:
                _log.warning("refused", request_id=current_call().request_id, error=error)
            await _abort(context, error, self._pause_after(error))
        except errors.ReferencesRefused as refused:
            await _abort(context, refused.refusals[0].why(), None, _precondition_failure(refused.refusals))
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # the last resort: whatever it is, its text must not reach a caller
            _log.error("failed", request_id=current_call().request_id, error=error)
            await _abort(context, errors.InternalFault(), None)

    def _pause_after(self, error: errors.MeImageError) -> int | None:
        """Milliseconds until another try: never too early, and not the same for all who were refused together."""
        if error.retry_seconds is None:
            return None
        return math.ceil(1000 * (error.retry_seconds + JITTER_SECONDS * self._chance()))


async def _abort(context: Context, error: errors.MeImageError, pause: int | None, *more: Message) -> Never:
    code, message = STATUS[type(error)], error.public_message()
    current_call().reason = error.reason
    details = [_packed(each) for each in (*_details(error), *more)]
    hints: tuple[tuple[str, str], ...] = ()
    if pause is not None:
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=timedelta(milliseconds=pause))))
        hints = ((PUSHBACK_KEY, str(pause)),)
    status = status_pb2.Status(code=code.value[0], message=message, details=details)
    trailers = ((DETAILS_KEY, status.SerializeToString()), *hints)
    await context.abort(code, message, trailing_metadata=trailers)


def _details(error: errors.MeImageError) -> Iterator[Message]:
    request_id = str(current_call().request_id)
    yield error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata={"request_id": request_id})
    if isinstance(error, errors.InvalidFields) and error.violations:
        yield error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field=each.field, description=each.description)
                for each in error.violations
            ]
        )


def _precondition_failure(refusals: Sequence[errors.Refusal]) -> Message:
    """Say of each reference why it is refused: as many as fit into a trailer."""
    violations = [
        error_details_pb2.PreconditionFailure.Violation(
            type=each.why.reason, subject=each.subject, description=each.why.public_message()
        )
        for each in refusals[: errors.MAX_VIOLATIONS]
    ]
    return cast("Message", error_details_pb2.PreconditionFailure(violations=violations))


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
