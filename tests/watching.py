"""A watch through a real channel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc
from meimage.v1 import event_pb2
from meimage.v1 import me_image_service_pb2 as rpc

from tests.people import Person

if TYPE_CHECKING:
    Call = grpc.aio.UnaryStreamCall[rpc.WatchMeImagesRequest, rpc.WatchMeImagesResponse]
SECONDS = 10.0


@dataclass
class Watch:
    """What a watch has told so far, and where to go on."""

    call: "Call"
    token: str = ""
    events: list[event_pb2.MeImageEvent] = field(default_factory=list)

    async def next(self, seconds: float = SECONDS) -> rpc.WatchMeImagesResponse:
        """Return the next message. Raises AioRpcError when the watch is over."""
        async with asyncio.timeout(seconds):
            message = await anext(aiter(self.call))
        self.token = message.resume_token
        if message.HasField("event"):
            self.events.append(message.event)
        return message

    async def until(self, count: int) -> list[event_pb2.MeImageEvent]:
        """Return the events once there are so many."""
        while len(self.events) < count:
            await self.next()
        return self.events


@asynccontextmanager
async def watching(who: Person, token: str = "") -> AsyncIterator[Watch]:
    """Watch until the block ends; the first checkpoint has come. An empty user_id watches all."""
    request = rpc.WatchMeImagesRequest(user_id=who.user_id, resume_token=token)
    call = who.stub.WatchMeImages(request, metadata=who.metadata)
    watch = Watch(call)
    try:
        assert (await watch.next()).HasField("checkpoint")
        yield watch
    finally:
        call.cancel()
