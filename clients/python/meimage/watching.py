"""Watching: events without end and without repetition, across connections that break."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, NamedTuple

from grpc import StatusCode

from meimage.errors import MeImageError
from meimage.retries import Retries
from meimage.v1.event_pb2 import MeImageEvent
from meimage.v1.me_image_service_pb2 import WatchMeImagesRequest

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
            async for message in call:
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
