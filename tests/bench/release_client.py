"""A generator's backend, a process of its own, so that its CPU is nobody else's.

A question names requests, in hexadecimal; every worker makes some of them in turns. Seconds are by the clock, ``cpu``
in seconds of this process, ``p50`` and ``p99`` in milliseconds until the first message with a chunk.
"""

import asyncio
import json
import time
from collections.abc import Sequence

import grpc
import uvloop
from meimage.v1 import reference_service_pb2 as pb

from tests.bench.figures import percentile
from tests.bench.helper import answer, questions
from tests.people import bearer

METHOD = "/meimage.v1.ReferenceService/ReleaseReferences"


class _Studio:
    """What came so far: bytes of images, the time until the first of each release, and releases without an end."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._call: grpc.aio.UnaryStreamMultiCallable[bytes, pb.ReleaseReferencesResponse] = channel.unary_stream(
            METHOD, response_deserializer=pb.ReleaseReferencesResponse.FromString
        )
        self._metadata = bearer(token)
        self.bytes = 0
        self.unended = 0
        self.firsts: list[float] = []

    async def repeat(self, bodies: Sequence[bytes], count: int) -> None:
        """Ask for so many releases, one after the other."""
        for number in range(count):
            await self._release(bodies[number % len(bodies)])

    async def _release(self, body: bytes) -> None:
        started, is_first, has_ended = time.perf_counter(), True, False
        async for message in self._call(body, metadata=self._metadata):
            if message.chunk and is_first:
                self.firsts.append((time.perf_counter() - started) * 1e3)
                is_first = False
            self.bytes += len(message.chunk)
            has_ended = message.HasField("end")
        self.unended += not has_ended


async def main() -> None:
    """Answer questions until standard input ends. A connection lasts: it is not part of a release."""
    channels: dict[str, grpc.aio.Channel] = {}
    while question := await asyncio.to_thread(next, questions(), None):
        address, count, at_once = question["address"], int(question["count"]), int(question["at_once"])
        bodies = [bytes.fromhex(body) for body in json.loads(question["requests"])]
        if address not in channels:
            channels[address] = grpc.aio.insecure_channel(address)
        studio = _Studio(channels[address], question["token"])
        cpu, started = time.process_time(), time.perf_counter()
        workers = (studio.repeat(bodies[number::at_once], count // at_once) for number in range(at_once))
        await asyncio.gather(*workers)
        seconds, used = time.perf_counter() - started, time.process_time() - cpu
        p50, p99 = (percentile(studio.firsts, share) for share in (0.5, 0.99))
        figures = {"bytes": float(studio.bytes), "unended": float(studio.unended), "p50": p50, "p99": p99}
        answer(seconds=seconds, cpu=used, **figures)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
