"""Handlers of every shape as one: a coroutine that gets a stream of messages, and returns its answer or writes many."""

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, TypeAlias, cast

import grpc
from google.protobuf.message import Message

from service.rpc.methods import SCOPES, is_open

if TYPE_CHECKING:
    Context: TypeAlias = grpc.aio.ServicerContext[Message, Message]
    Handler: TypeAlias = grpc.RpcMethodHandler[Message, Message]
else:  # generic in the stubs alone
    Context, Handler = grpc.aio.ServicerContext, grpc.RpcMethodHandler

Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]

Incoming: TypeAlias = Message | AsyncIterator[Message]
Behavior: TypeAlias = Callable[[Incoming, Context], Awaitable[Message | None]]
StreamBehavior: TypeAlias = Callable[[AsyncIterator[bytes], Context], Awaitable[Message | None]]
Limited: TypeAlias = Callable[[], AbstractAsyncContextManager[object]]
Around: TypeAlias = Callable[[StreamBehavior, AsyncIterator[bytes], Context], Awaitable[Message | None]]


def behavior_of(handler: Handler, limited: Limited) -> Behavior:
    """Return a handler's function as a coroutine function; a stream of answers is written to the context.

    Writing, unlike yielding, lets a cancellation end the handler at once and in its own frames. A caller that does
    not take a message in the time that ``limited`` gives raises TimeoutError.
    """
    inner = handler.stream_stream or handler.unary_stream or handler.stream_unary or handler.unary_unary
    if not handler.response_streaming:
        return cast("Behavior", inner)
    stream = cast("Callable[[Incoming, Context], AsyncGenerator[Message, None]]", inner)

    async def write_all(incoming: Incoming, context: Context) -> None:
        async with aclosing(stream(incoming, context)) as answers:
            async for answer in answers:
                async with limited():
                    await context.write(answer)

    return write_all


def with_stream_requests(handler: Handler, behavior: StreamBehavior) -> Handler:
    """Return a handler with the same answers, whose requests arrive as a stream, each in its bytes."""
    make = grpc.stream_stream_rpc_method_handler if handler.response_streaming else grpc.stream_unary_rpc_method_handler
    return cast("Handler", make(behavior, None, handler.response_serializer))


def surround(handler: Handler, around: Around) -> Handler:
    """Run a handler made by ``with_stream_requests`` inside a function that awaits it."""
    inner = cast("StreamBehavior", handler.stream_stream or handler.stream_unary)

    async def surrounded(incoming: AsyncIterator[bytes], context: Context) -> Message | None:
        return await around(inner, incoming, context)

    return with_stream_requests(handler, surrounded)


class Wrapping(grpc.aio.ServerInterceptor):
    """An interceptor that wraps each handler once, not once a call: a server's handlers never change."""

    def __init__(self) -> None:
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(  # type: ignore[override] # the stubs give this method type variables of its own
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """See grpc.aio.ServerInterceptor."""
        method = handler_call_details.method
        known = self._wrapped.get(method)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if is_open(method):
            return handler
        if handler is None:
            return self.unknown()
        # Names that callers make up are not kept: for these the inner interceptors answer, with a handler of theirs.
        wrapped = self.wrap(method, handler)
        if method in SCOPES:
            self._wrapped[method] = wrapped
        return wrapped

    def unknown(self) -> Handler | None:
        """Return what answers a method that no service has."""
        return None

    @abstractmethod
    def wrap(self, method: str, handler: Handler) -> Handler:
        """Return the handler inside what this interceptor does."""
