"""Watching: events without end and without repetition, across connections that break."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, NamedTuple

from grpc import StatusCode

from meimage.errors import MeImageError
from meimage.retries import Retries
from meimage.v1.event_pb2 import MeImageEvent
from meimage.v1.me_image_service_pb2 import WatchMeImagesRequest, WatchMeImagesResponse

if TYPE_CHECKING:
    from meimage.v1.me_image_service_pb2_grpc import MeImageServiceAsyncStub

REMEMBERED = 1000
"""Events of which it is known that they were told; those that come again after a reconnect are among the last few."""


class Watched(NamedTuple):
    """An event, and where to go on after it."""

    event: MeImageEvent
    resume_token: str


async def watched(
    pool: "MeImageServiceAsyncStub", request: WatchMeImagesRequest, retries: Retries
) -> AsyncIterator[Watched]:
    """Give events, each once, and connect again as often as the connection is lost or the server busy.

    Raises:
        MeImageError: the watch was refused, at its beginning or later.
    """
    told: OrderedDict[str, None] = OrderedDict()
    failures = 0
    while True:
        call, accepted, retry_after = pool.WatchMeImages(request), False, 0.0
        try:
            messages = aiter(call)
            while (message := await _next(messages, retries.silence_seconds)) is not None:
                accepted, failures, request.resume_token = True, 0, message.resume_token
                if message.HasField("event") and message.event.event_id not in told:
                    told[message.event.event_id] = None
                    if len(told) > REMEMBERED:
                        told.popitem(last=False)
                    yield Watched(message.event, message.resume_token)
        except MeImageError as error:
            # A token that was good and has expired since: the next call asks for another, and is refused without.
            expired = accepted and error.code is StatusCode.UNAUTHENTICATED
            if not (error.lost or error.busy or expired):
                raise
            retry_after = error.retry_after
        finally:
            call.cancel()
        # A server that ends a watch without an error is one that goes away, too.
        failures += 1
        await retries.pause(failures, retry_after)


async def _next(messages: AsyncIterator[WatchMeImagesResponse], seconds: float) -> WatchMeImagesResponse | None:
    """Return the next message, None at the end; raise that the server is away where none comes in time.

    What answers the pings of the connection need not be what answers the call: a proxy, a server that is stuck.
    """
    try:
        async with asyncio.timeout(seconds) as timer:
            return await anext(messages, None)
    except TimeoutError:
        if not timer.expired():
            raise
        raise MeImageError(StatusCode.UNAVAILABLE, "", f"Nothing was heard for {seconds:g} s.") from None
