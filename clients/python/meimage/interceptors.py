"""What every call of a client gets, raw stubs included: the token, a deadline, typed errors, and retries of reads."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from math import inf
from typing import TypeVar

from grpc import aio

from meimage.errors import from_rpc
from meimage.reconnecting import Reconnecting
from meimage.retries import Retries
from meimage.status import Status
from meimage.tokens import TokenProvider, authorization

UNARY_SECONDS = 30.0
STREAM_SECONDS = 120.0

Request = TypeVar("Request")
Response = TypeVar("Response")
Details = aio.ClientCallDetails


class _Caller:
    """Completes the details of a call, once the channel is fit for it."""

    def __init__(self, token: TokenProvider, retries: Retries, reconnecting: Reconnecting) -> None:
        self._token = token
        self._retries = retries
        self._reconnecting = reconnecting

    async def _complete(self, details: Details, end: float, patience: float | None = None) -> Details:
        """Wait for the channel until ``patience``, and leave the call until ``end``, times of the event loop."""
        clock = asyncio.get_running_loop().time
        patience = clock() + self._retries.reconnect_seconds if patience is None else patience
        await self._reconnecting.tried_again(min(patience, end))
        metadata = aio.Metadata(*(details.metadata or ()))
        metadata.add(*await authorization(self._token))
        seconds = None if end == inf else max(0.0, end - clock())
        return Details(details.method, seconds, metadata, details.credentials, details.wait_for_ready)


class Unary(_Caller, aio.UnaryUnaryClientInterceptor):
    """One request, one answer, within 30 s unless told otherwise; reads again while the server is away or busy."""

    async def intercept_unary_unary(
        self,
        continuation: Callable[[Details, Request], Awaitable[aio.UnaryUnaryCall[Request, Response]]],
        client_call_details: Details,
        request: Request,
    ) -> Response:
        """Raise MeImageError where the call does not succeed."""
        clock = asyncio.get_running_loop().time
        end = _end(client_call_details, UNARY_SECONDS)
        patience = clock() + self._retries.reconnect_seconds

        async def attempt() -> Response:
            details = await self._complete(client_call_details, end, patience)
            try:
                return await (await continuation(details, request))
            except aio.AioRpcError as error:
                raise from_rpc(error) from None

        read = _name(client_call_details).startswith(("Get", "List"))
        return await self._retries.run(
            attempt, again=lambda error: read and (error.unavailable or error.busy), left=lambda: end - clock()
        )


class Receiving(_Caller, aio.UnaryStreamClientInterceptor):
    """One request, a stream of answers, within 120 s unless told otherwise; a watch without end."""

    async def intercept_unary_stream(
        self,
        continuation: Callable[[Details, Request], Awaitable[aio.UnaryStreamCall[Request, Response]]],
        client_call_details: Details,
        request: Request,
    ) -> AsyncIterator[Response]:
        """Give answers that raise MeImageError where the call does not succeed."""
        end = _end(client_call_details, inf if _name(client_call_details).startswith("Watch") else STREAM_SECONDS)
        return _typed(await continuation(await self._complete(client_call_details, end), request))


class Sending(_Caller, aio.StreamUnaryClientInterceptor):
    """A stream of requests, one answer, within 120 s unless told otherwise."""

    async def intercept_stream_unary(
        self,
        continuation: Callable[
            [Details, AsyncIterable[Request] | Iterable[Request]], Awaitable[aio.StreamUnaryCall[Request, Response]]
        ],
        client_call_details: Details,
        request_iterator: AsyncIterable[Request] | Iterable[Request],
    ) -> aio.StreamUnaryCall[Request, Response]:
        """Raise MeImageError where the call does not succeed; a refusal keeps its reason also while we still send."""
        details = await self._complete(client_call_details, _end(client_call_details, STREAM_SECONDS))
        call = await continuation(details, request_iterator)
        status = Status(call)
        try:
            await call
        except aio.AioRpcError as error:
            raise await status.error(error) from None
        return call


async def _typed(call: aio.UnaryStreamCall[Request, Response]) -> AsyncIterator[Response]:
    try:
        async for answer in call:
            yield answer
    except aio.AioRpcError as error:
        raise from_rpc(error) from None
    finally:
        call.cancel()


def _end(details: Details, otherwise: float) -> float:
    """Return when a call has to be done, a time of the event loop."""
    return asyncio.get_running_loop().time() + (otherwise if details.timeout is None else details.timeout)


def _name(details: Details) -> str:
    """Return the name of the method; grpcio hands it on as bytes, whatever its types say."""
    method: str | bytes = details.method
    return (method.decode() if isinstance(method, bytes) else method).rpartition("/")[2]
