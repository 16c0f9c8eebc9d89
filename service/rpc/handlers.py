"""Handlers of every shape as one: a coroutine that gets a stream of messages, and returns its answer or writes many."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, TypeAlias, cast

import grpc
from google.protobuf.message import Message

if TYPE_CHECKING:
    Context: TypeAlias = grpc.aio.ServicerContext[Message, Message]
    Handler: TypeAlias = grpc.RpcMethodHandler[Message, Message]
else:  # generic in the stubs alone
    Context, Handler = grpc.aio.ServicerContext, grpc.RpcMethodHandler

Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]

Incoming: TypeAlias = Message | AsyncIterator[Message]
Behavior: TypeAlias = Callable[[Incoming, Context], Awaitable[Message | None]]
StreamBehavior: TypeAlias = Callable[[AsyncIterator[Message], Context], Awaitable[Message | None]]
Around: TypeAlias = Callable[[Context], AbstractAsyncContextManager[None]]


def behavior_of(handler: Handler, write_seconds: float) -> Behavior:
    """Return a handler's function as a coroutine function; a stream of answers is written to the context.

    Writing, unlike yielding, lets a cancellation end the handler at once and in its own frames. A caller that does
    not take a message within ``write_seconds`` raises TimeoutError.
    """
    inner = handler.stream_stream or handler.unary_stream or handler.stream_unary or handler.unary_unary
    if not handler.response_streaming:
        return cast("Behavior", inner)
    stream = cast("Callable[[Incoming, Context], AsyncGenerator[Message, None]]", inner)

    async def write_all(incoming: Incoming, context: Context) -> None:
        async with aclosing(stream(incoming, context)) as answers:
            async for answer in answers:
                async with asyncio.timeout(write_seconds):
                    await context.write(answer)

    return write_all


def with_stream_requests(handler: Handler, behavior: StreamBehavior) -> Handler:
    """Return a handler with the same codecs and answers, whose requests arrive as a stream."""
    make = grpc.stream_stream_rpc_method_handler if handler.response_streaming else grpc.stream_unary_rpc_method_handler
    return cast("Handler", make(behavior, handler.request_deserializer, handler.response_serializer))


def surround(handler: Handler, around: Around) -> Handler:
    """Run a handler made by ``with_stream_requests`` inside a context manager."""
    inner = cast("StreamBehavior", handler.stream_stream or handler.stream_unary)

    async def surrounded(incoming: AsyncIterator[Message], context: Context) -> Message | None:
        async with around(context):
            return await inner(incoming, context)

    return with_stream_requests(handler, surrounded)
