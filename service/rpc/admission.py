"""The one gate before every handler: who calls, may it, for this user, and does it keep the pace.

A refusal never waits for the body. Every request is read as a stream, because only then can a body that stalls be
given up: grpcio would hold a unary call without body for ever.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
from google.protobuf.message import Message

from service.domain.callers import Caller
from service.domain.certificates import require_binding
from service.domain.errors import (
    InvalidFields,
    ServerStopping,
    TooSlow,
    Unauthenticated,
    UnknownMethod,
    UploadStalled,
)
from service.ports.outside import Clock, TokenVerifier
from service.ports.transport import CertificateReader
from service.rpc.calls import current_call, current_caller
from service.rpc.handlers import (
    Behavior,
    Context,
    Handler,
    StreamBehavior,
    Wrapping,
    behavior_of,
    with_stream_requests,
)
from service.rpc.methods import CERTIFIED_SCOPES, ENDLESS, SCOPES, has_one_scope
from service.rpc.subjects import admit, bearer_token, require_scope_of
from service.rpc.transport import certificate_of


@dataclass(frozen=True, slots=True)
class Pace:
    """How many seconds a caller has between two messages, and a call in all."""

    message: float
    call: float
    stream: float


@dataclass(frozen=True, slots=True)
class Proof:
    """What callers are known by; ``certificates_needed`` asks for one where a scope reaches far (CERTIFIED_SCOPES)."""

    tokens: TokenVerifier
    certificates: CertificateReader
    certificates_needed: bool


class Admission(Wrapping):
    """Lets a call through to its handler, or raises why not."""

    def __init__(self, proof: Proof, pace: Pace, clock: Clock) -> None:
        super().__init__()
        self._proof = proof
        self._pace = pace
        self._clock = clock
        self._endless: set[asyncio.Timeout] = set()
        self._is_stopping = False

    def end_endless(self) -> None:
        """End the calls that would go on for as long as their callers like, and refuse new ones."""
        self._is_stopping = True
        for timer in self._endless:
            timer.reschedule(0)

    def unknown(self) -> Handler:
        """See Wrapping."""
        return grpc.stream_unary_rpc_method_handler(_unknown_method)

    def wrap(self, method: str, handler: Handler) -> Handler:
        """See Wrapping."""
        return with_stream_requests(handler, self._admitted(handler, method))

    def _admitted(self, handler: Handler, method: str) -> StreamBehavior:
        behavior = behavior_of(handler, self._pace.message)
        is_stream = handler.request_streaming or handler.response_streaming
        seconds = self._pace.stream if is_stream else self._pace.call
        needs_certificate = self._proof.certificates_needed and SCOPES.get(method) in CERTIFIED_SCOPES

        async def admitted(incoming: AsyncIterator[Message], context: Context) -> Message | None:
            token = bearer_token(context)
            try:
                caller = self._proof.tokens.verify(token)
            except Unauthenticated:
                caller = await self._by_new_keys(token)
            current_call().caller = caller
            if needs_certificate or caller.bound_to is not None:
                self._require_certificate(caller, context, needed=needs_certificate)
            if has_one_scope(method):
                require_scope_of(caller, method)
            if method in ENDLESS:
                await self._without_end(method, incoming, context, behavior)
                return None
            if not handler.request_streaming:
                return await self._with_one(method, incoming, context, behavior, seconds)
            try:
                async with asyncio.timeout(seconds):
                    return await behavior(self._paced(method, incoming, context), context)
            except TimeoutError:
                raise TooSlow from None

        return admitted

    async def _by_new_keys(self, token: str) -> Caller:
        if not await self._proof.tokens.learned(token):
            raise Unauthenticated
        return self._proof.tokens.verify(token)

    def _require_certificate(self, caller: Caller, context: Context, *, needed: bool) -> None:
        certificate = certificate_of(context, self._proof.certificates)
        require_binding(caller, certificate, needed=needed, now=self._clock.now().timestamp())

    async def _with_one(
        self, method: str, incoming: AsyncIterator[Message], context: Context, behavior: Behavior, seconds: float
    ) -> Message | None:
        """Answer the one message of a call: first its pace, then that of the answer, on one timer."""
        message: Message | None = None
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(now + self._pace.message) as timer:
                message = await anext(incoming, None)
                if message is None:
                    raise InvalidFields([])
                timer.reschedule(now + seconds)
                admit(method, message)
                return await behavior(message, context)
        except TimeoutError:
            raise (UploadStalled if message is None else TooSlow) from None

    async def _without_end(
        self, method: str, incoming: AsyncIterator[Message], context: Context, behavior: Behavior
    ) -> None:
        """Answer for as long as the caller's token is good and this server goes on."""
        message = await self._first(incoming)
        admit(method, message)
        expires = current_caller().expires
        left = None if expires is None else expires - self._clock.now().timestamp()
        timer = asyncio.timeout(0 if self._is_stopping else left)
        try:
            async with timer:
                self._endless.add(timer)
                await behavior(message, context)
        except TimeoutError:
            if not timer.expired():
                raise TooSlow from None
            raise (ServerStopping if self._is_stopping else Unauthenticated) from None
        finally:
            self._endless.discard(timer)

    async def _first(self, incoming: AsyncIterator[Message]) -> Message:
        try:
            async with asyncio.timeout(self._pace.message):
                message = await anext(incoming, None)
        except TimeoutError:
            raise UploadStalled from None
        if message is None:
            raise InvalidFields([])
        return message

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
            admit(method, message)
            yield message


async def _unknown_method(_incoming: object, _context: object) -> Message:
    raise UnknownMethod
