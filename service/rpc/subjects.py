"""Whom a call is about, and whether its caller may name them."""

from typing import Protocol, cast

from google.protobuf.message import Message

from service.domain.callers import Caller, require_everybody, require_scope, require_user
from service.domain.errors import PermissionDenied, Unauthenticated
from service.domain.ids import parse_uuid
from service.rpc.calls import current_call, current_caller
from service.rpc.fields import user_id_field
from service.rpc.handlers import Context
from service.rpc.methods import FOR_EVERYBODY, FOR_NOBODY, SCOPES


class _Subject(Protocol):
    """What every request, and every header of a stream, says of itself; request_id only where it changes something."""

    user_id: str
    request_id: str


class _Streamed(Protocol):
    """A message of a stream of requests."""

    header: _Subject


def require_scope_of(caller: Caller, method: str) -> None:
    scope = SCOPES.get(method)
    if scope is None:
        raise PermissionDenied
    require_scope(caller, scope)


def _require_subject(caller: Caller, method: str, user_id: str) -> None:
    if method in FOR_EVERYBODY and not user_id:
        require_everybody(caller, FOR_EVERYBODY[method])
        return
    require_scope_of(caller, method)
    require_user(caller, user_id_field(user_id))


def bearer_token(context: Context) -> str:
    for name, value in context.invocation_metadata() or ():
        if name == "authorization" and isinstance(value, str) and value[:7].lower() == "bearer ":
            return value[7:]
    raise Unauthenticated


def admit(method: str, message: Message) -> None:
    if method in FOR_NOBODY:
        return
    subject = _subject_of(message)
    if subject is not None:
        _require_subject(current_caller(), method, subject.user_id)
        _note_request_id(subject)


def _subject_of(message: Message) -> _Subject | None:
    """A request names its user itself; of a stream, the header does."""
    fields = message.DESCRIPTOR.fields_by_name
    if "user_id" in fields:
        return cast("_Subject", message)
    return cast("_Streamed", message).header if message.HasField("header") else None


def _note_request_id(subject: _Subject) -> None:
    text = getattr(subject, "request_id", "")
    request_id = parse_uuid(text) if text else None
    if request_id is not None:
        current_call().request_id = request_id
