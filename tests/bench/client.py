"""A client of the service, a process of its own, so that its CPU is nobody else's.

Questions: ``upload`` and ``download`` through generated code, ``call`` for any unary method, as bytes. Seconds are by
the clock, ``cpu`` in seconds of this process.
"""

import asyncio
import time
from pathlib import Path

import grpc
import uvloop
from meimage.v1 import me_image_pb2
from meimage.v1 import me_image_service_pb2 as pb

from tests.bench.figures import percentile
from tests.bench.helper import answer, questions
from tests.bench.photos import varied
from tests.people import bearer, face, person

_OPTIONS = (("grpc.use_local_subchannel_pool", 1),)


async def main() -> None:
    """Answer questions until standard input ends."""
    while question := await asyncio.to_thread(next, questions(), None):
        do = {"upload": _upload, "download": _download, "call": _call}[question.pop("do")]
        cpu, started = time.process_time(), time.perf_counter()
        figures = await do(**question)
        answer(seconds=time.perf_counter() - started, cpu=time.process_time() - cpu, **figures)


async def _upload(address: str, token: str, user_id: str, photo: str, count: str, at_once: str) -> dict[str, float]:
    """Upload ``count`` photos that differ; each answer must have the digest of what was sent."""
    content = await asyncio.to_thread(Path(photo).read_bytes)
    turns = asyncio.Semaphore(int(at_once))
    slowest = 0.0
    async with grpc.aio.insecure_channel(address) as channel:
        someone = person(channel, token, user_id)

        async def upload(number: int) -> float:
            async with turns:
                started = time.perf_counter()
                await someone.upload(varied(content), face(f"upload {number}"), filename=f"IMG_{number:04}.jpg")
                return time.perf_counter() - started

        slowest = max(await asyncio.gather(*(upload(number) for number in range(int(count)))))
    return {"slowest": slowest}


async def _download(
    address: str, token: str, user_id: str, me_image_id: str, count: str, at_once: str
) -> dict[str, float]:
    """Download one original ``count`` times, and count its bytes."""
    request = pb.DownloadMeImageRequest(user_id=user_id, me_image_id=me_image_id)
    turns = asyncio.Semaphore(int(at_once))
    async with grpc.aio.insecure_channel(address) as channel:
        stub = person(channel, token, user_id).stub

        async def download() -> int:
            async with turns:
                call = stub.DownloadMeImage(request, metadata=bearer(token))
                return sum([len(message.chunk) async for message in call])

        sizes = await asyncio.gather(*(download() for _ in range(int(count))))
    return {"bytes": float(sum(sizes))}
