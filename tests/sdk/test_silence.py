"""A watch that hears nothing is made again; one whose reader takes its time is not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import grpc
import meimage
from google.protobuf.message import Message
from meimage.v1 import me_image_service_pb2 as rpc
from meimage.v1.event_pb2 import MeImageEvent

from service.rpc.handlers import Context

SILENCE_SECONDS = 0.3
Watch = Callable[[Context], Awaitable[None]]


async def _no_pause(_: float) -> None:
    return


@asynccontextmanager
async def watched(*watches: Watch) -> AsyncIterator[tuple[meimage.Client, list[str]]]:
    """Give a client of a server whose watches go so, one after the other; and the resume tokens that it saw."""
    asked = list[str]()
    never = asyncio.Event()

    async def watch(incoming: AsyncIterator[Message], context: Context) -> None:
        request = await anext(aiter(incoming))
        assert isinstance(request, rpc.WatchMeImagesRequest)
        asked.append(request.resume_token)
        await watches[len(asked) - 1](context)
        await never.wait()

    handler = grpc.stream_stream_rpc_method_handler(
        watch, rpc.WatchMeImagesRequest.FromString, rpc.WatchMeImagesResponse.SerializeToString
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("meimage.v1.MeImageService", {"WatchMeImages": handler}),)
    )
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    retries = meimage.Retries(sleep=_no_pause, silence_seconds=SILENCE_SECONDS)
    async with meimage.connect(address, "a-token", tls=None, retries=retries) as client:
        yield client, asked
    await server.stop(None)


def telling(*event_ids: str) -> Watch:
    """Tell events at once, each with its own id as the token, and then nothing."""

    async def tell(context: Context) -> None:
        for event_id in event_ids:
            await context.write(
                rpc.WatchMeImagesResponse(event=MeImageEvent(event_id=event_id), resume_token=f"after {event_id}")
            )

    return tell


async def test_a_watch_that_falls_silent_goes_on_elsewhere() -> None:
    seen = []
    async with watched(telling("a", "b"), telling(), telling("c")) as (client, asked), asyncio.timeout(30):
        async for event, _ in client.watch("ada", "start"):
            seen.append(event.event_id)
            if seen[-1] == "c":
                break
    assert (seen, asked) == (["a", "b", "c"], ["start", "after b", "after b"])


async def test_a_reader_may_take_its_time() -> None:
    seen = []
    async with watched(telling("a", "b")) as (client, asked), asyncio.timeout(30):
        async for event, _ in client.watch("ada", "start"):
            seen.append(event.event_id)
            if seen[-1] == "b":
                break
            await asyncio.sleep(2 * SILENCE_SECONDS)
    assert (seen, asked) == (["a", "b"], ["start"])
