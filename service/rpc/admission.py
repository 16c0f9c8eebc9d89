"""The one gate before every handler: who calls, may it, for this user, and does it keep the pace.

A refusal never waits for the body. Every request is read as a stream, because only then can a body that stalls be
given up: grpcio would hold a unary call without body for ever.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, cast

import grpc
from google.protobuf.message import Message

from service.domain.callers import Caller, require_everybody, require_scope, require_user
from service.domain.errors import (
    InvalidFields,
    PermissionDenied,
    TooSlow,
    Unauthenticated,
    UnknownMethod,
    UploadStalled,
)
from service.domain.ids import parse_uuid
from service.ports.outside import TokenVerifier
from service.rpc.calls import current_call, current_caller
from service.rpc.fields import user_id_field
from service.rpc.handlers import (
    Behavior,
    Context,
    Handler,
    StreamBehavior,
    Wrapping,
    behavior_of,
    with_stream_requests,
)
from service.rpc.methods import ENDLESS, FOR_EVERYBODY, FOR_NOBODY, SCOPES


@dataclass(frozen=True, slots=True)
class Pace:
    """How many seconds a caller has between two messages, and a call in all."""

    message: float
    call: float
    stream: float


class _Subject(Protocol):
    """What every request, and every header of a stream, says of itself; request_id only where it changes something."""

    user_id: str
    request_id: str


class _Streamed(Protocol):
    """A message of a stream of requests."""

    header: _Subject


class Admission(Wrapping):
    """Lets a call through to its handler, or raises why not."""

    def __init__(self, tokens: TokenVerifier, pace: Pace) -> None:
        super().__init__()
        self._tokens = tokens
        self._pace = pace

    def unknown(self) -> Handler:
        """See Wrapping."""
        return grpc.stream_unary_rpc_method_handler(_unknown_method)

    def wrap(self, method: str, handler: Handler) -> Handler:
        """See Wrapping."""
        return with_stream_requests(handler, self._admitted(handler, method))

    def _admitted(self, handler: Handler, method: str) -> StreamBehavior:
        behavior = behavior_of(handler, self._pace.message)
        is_stream = handler.request_streaming or handler.response_streaming
        seconds = None if method in ENDLESS else self._pace.stream if is_stream else self._pace.call

        async def admitted(incoming: AsyncIterator[Message], context: Context) -> Message | None:
            caller = self._tokens.verify(_bearer_token(context))
            current_call().caller = caller
            if method not in FOR_EVERYBODY:
                _require_scope(caller, method)
            if not handler.request_streaming:
                return await self._with_one(method, incoming, context, behavior, seconds)
            try:
                async with asyncio.timeout(seconds):
                    return await behavior(self._paced(method, incoming, context), context)
            except TimeoutError:
                raise TooSlow from None

        return admitted

    async def _with_one(
        self, method: str, incoming: AsyncIterator[Message], context: Context, behavior: Behavior, seconds: float | None
    ) -> Message | None:
        """Answer the one message of a call: first its pace, then that of the answer, on one timer."""
        message: Message | None = None
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(now + self._pace.message) as timer:
                message = await anext(incoming, None)
                if message is None:
                    raise InvalidFields([])
                timer.reschedule(None if seconds is None else now + seconds)
                _admit(method, message)
                return await behavior(message, context)
        except TimeoutError:
            raise (UploadStalled if message is None else TooSlow) from None

    async def _paced(self, method: str, incoming: AsyncIterator[Message], context: Context) -> AsyncIterator[Message]:
        while True:
            try:
                async with asyncio.timeout(self._pace.message):
                    message = await anext(incoming)
            except StopAsyncIteration:
                await asyncio.sleep(0)  # grpcio ends the stream of a caller who vanished before it says so
                if context.cancelled():
                    raise asyncio.CancelledError from None
                return
            except TimeoutError:
                raise UploadStalled from None
            _admit(method, message)
            yield message


def _require_scope(caller: Caller, method: str) -> None:
    scope = SCOPES.get(method)
    if scope is None:
        raise PermissionDenied
    require_scope(caller, scope)


def _require_subject(caller: Caller, method: str, user_id: str) -> None:
    if method in FOR_EVERYBODY and not user_id:
        require_everybody(caller)
        return
    _require_scope(caller, method)
    require_user(caller, user_id_field(user_id))


def _bearer_token(context: Context) -> str:
    for name, value in context.invocation_metadata() or ():
        if name == "authorization" and isinstance(value, str) and value[:7].lower() == "bearer ":
            return value[7:]
    raise Unauthenticated


def _admit(method: str, message: Message) -> None:
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


async def _unknown_method(_incoming: object, _context: object) -> Message:
    raise UnknownMethod
