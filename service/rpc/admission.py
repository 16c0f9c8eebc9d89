"""The one gate before every handler: who calls, may it, for this user, how often, and does it keep the pace.

A refusal never waits for the body. Every request is read as a stream, because only then can a body that stalls be
given up: grpcio would hold a unary call without body for ever.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import cast

import grpc
from google.protobuf.message import Message

from service.domain.callers import Caller
from service.domain.errors import (
    InvalidFields,
    Overloaded,
    ServerStopping,
    TooSlow,
    Unauthenticated,
    UnknownMethod,
    UploadStalled,
)
from service.ports.outside import Clock
from service.rpc.body import Body, Pace
from service.rpc.bounds import Bounds
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
from service.rpc.methods import ENDLESS, TRANSFERS, has_one_scope
from service.rpc.proof import Proof
from service.rpc.rates import Rates
from service.rpc.subjects import admit, require_scope_of


class Admission(Wrapping):
    """Lets a call through to its handler, or raises why not. ``seconds`` is a monotonic clock."""

    def __init__(self, proof: Proof, pace: Pace, bounds: Bounds, clock: Clock, seconds: Callable[[], float]) -> None:
        super().__init__()
        self._proof = proof
        self._pace = pace
        self._clock = clock
        self._transfers = bounds.transfers.budget
        self._most_calls = bounds.calls
        self._calls = 0
        self._has_none = asyncio.Event()
        self._call_rates = Rates(bounds.call_rate, seconds) if bounds.call_rate else None
        self._transfer_rates = Rates(bounds.transfer_rate, seconds) if bounds.transfer_rate else None
        self._endless: set[asyncio.Timeout] = set()
        self._is_stopping = False

    def stop(self) -> None:
        """Refuse new calls, and end those that would go on for as long as their callers like."""
        self._is_stopping = True
        for timer in self._endless:
            if not timer.expired():
                timer.reschedule(0)

    async def is_quiet(self, seconds: float) -> None:
        """Wait until there are no calls, and after so long still none."""
        while True:
            while self._calls:
                self._has_none.clear()
                await self._has_none.wait()
            await asyncio.sleep(seconds)
            if not self._calls:
                return

    def unknown(self) -> Handler:
        """See Wrapping."""
        return grpc.stream_unary_rpc_method_handler(_unknown_method)

    def wrap(self, method: str, handler: Handler) -> Handler:
        """See Wrapping."""
        admitted = self._admitted(handler, method)

        async def counted(incoming: AsyncIterator[bytes], context: Context) -> Message | None:
            if self._is_stopping:
                raise ServerStopping
            if self._calls >= self._most_calls:
                raise Overloaded
            self._calls += 1
            try:
                return await admitted(incoming, context)
            finally:
                self._calls -= 1
                if not self._calls:
                    self._has_none.set()

        return with_stream_requests(handler, counted)

    def _admitted(self, handler: Handler, method: str) -> StreamBehavior:
        write_within = self._transfers.write_within if method in TRANSFERS else asyncio.timeout
        behavior = behavior_of(handler, partial(write_within, self._pace.message))
        body = Body(method, cast("Callable[[bytes], Message]", handler.request_deserializer), self._pace.message)
        is_stream = handler.request_streaming or handler.response_streaming
        seconds = self._pace.stream if is_stream else self._pace.call
        needs_certificate = self._proof.needs_certificate(method)
        rates = [self._call_rates, self._transfer_rates if method in TRANSFERS else None]

        async def admitted(incoming: AsyncIterator[bytes], context: Context) -> Message | None:
            caller = await self._proof.caller_of(context)
            current_call().caller = caller
            self._proof.require_certificate(caller, context, self._clock, needed=needs_certificate)
            _spend(caller, rates)
            if has_one_scope(method):
                require_scope_of(caller, method)
            if method in ENDLESS:
                await self._without_end(body, incoming, context, behavior)
                return None
            if not handler.request_streaming:
                return await self._with_one(body, incoming, context, behavior, seconds)
            try:
                async with asyncio.timeout(seconds):
                    return await behavior(body.all(incoming, context), context)
            except TimeoutError:
                raise TooSlow from None

        return admitted

    async def _with_one(
        self, body: Body, incoming: AsyncIterator[bytes], context: Context, behavior: Behavior, seconds: float
    ) -> Message | None:
        """Answer the one message of a call: first its pace, then that of the answer, on one timer."""
        message: Message | None = None
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(now + self._pace.message) as timer:
                message = await body.next(incoming)
                if message is None:
                    raise InvalidFields([])
                timer.reschedule(now + seconds)
                admit(body.method, message)
                return await behavior(message, context)
        except TimeoutError:
            raise (UploadStalled if message is None else TooSlow) from None

    async def _without_end(
        self, body: Body, incoming: AsyncIterator[bytes], context: Context, behavior: Behavior
    ) -> None:
        """Answer for as long as the caller's token is good and this server goes on."""
        message = await body.first(incoming)
        admit(body.method, message)
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


def _spend(caller: Caller, rates: list[Rates | None]) -> None:
    for each in rates:
        if each is not None:
            each.spend(str(caller))


async def _unknown_method(_incoming: object, _context: object) -> Message:
    raise UnknownMethod
