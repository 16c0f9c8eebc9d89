"""A client that calls for many people, a process of its own: reads, and changes that change something every time.

Questions: ``do`` is a method, ``people`` a file of Crowd.write_called. A service's token speaks for all of them.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence

import grpc
import uvloop
from meimage.v1 import me_image_pb2 as model
from meimage.v1 import me_image_service_pb2 as pb

from tests.bench.crowded import Crowded
from tests.bench.helper import answer, questions
from tests.people import bearer

CHANNELS = 4
SERVICE = "/meimage.v1.MeImageService/"
_OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


def _get(someone: Sequence[str], turn: int) -> bytes:
    me_image_id = someone[1 + turn % (len(someone) - 1)]
    return pb.GetMeImageRequest(user_id=someone[0], me_image_id=me_image_id).SerializeToString()


def _list(someone: Sequence[str], _turn: int) -> bytes:
    return pb.ListMeImagesRequest(user_id=someone[0], page_size=10).SerializeToString()


def _primary(someone: Sequence[str], turn: int) -> bytes:
    holder = someone[1 + turn % 2]
    return pb.SetPrimaryRequest(user_id=someone[0], me_image_id=holder, slot=model.SLOT_AVATAR).SerializeToString()


def _ai(someone: Sequence[str], turn: int) -> bytes:
    return pb.SetAiReferenceEnabledRequest(
        user_id=someone[0], me_image_id=someone[1], enabled=turn % 2 == 0
    ).SerializeToString()


_BODIES: Mapping[str, Callable[[Sequence[str], int], bytes]] = {
    "GetMeImage": _get,
    "ListMeImages": _list,
    "SetPrimary": _primary,
    "SetAiReferenceEnabled": _ai,
}


async def main() -> None:
    """Answer questions until standard input ends."""
    token, crowded = os.environ["BENCH_TOKEN"], Crowded()
    while question := await asyncio.to_thread(next, questions(), None):
        method, address = question["do"], question["address"]
        body = _BODIES[method]
        channels = [grpc.aio.insecure_channel(address, options=_OWN_CONNECTION) for _ in range(CHANNELS)]
        calls: list[grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = [
            channel.unary_unary(f"{SERVICE}{method}") for channel in channels
        ]
        turns = 0

        async def work(
            someone: Sequence[str],
            turn: int,
            body: Callable[[Sequence[str], int], bytes] = body,
            calls: Sequence[grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = calls,
        ) -> bool:
            nonlocal turns
            turns += 1
            given = await calls[turns % CHANNELS](body(someone, turn), metadata=bearer(token))
            places = len(someone) - 1 if body is _list else 1
            return given.count(someone[0].encode()) == places

        count, at_once = int(question["calls"]), int(question["at_once"])
        figures = await crowded.drive(question["people"], f"{method} {address}", count, at_once, work)
        for channel in channels:
            await channel.close()
        answer(**figures)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
