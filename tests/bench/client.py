"""A client of the service, a process of its own, so that its CPU is nobody else's.

Questions: ``upload`` and ``download`` through generated code, ``call`` for any unary method, as bytes. Seconds are by
the clock, ``cpu`` in seconds of this process.
"""

import asyncio
import hashlib
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import grpc
import uvloop
from meimage.v1 import me_image_service_pb2 as pb

from tests.bench.figures import percentile
from tests.bench.helper import answer, questions
from tests.bench.photos import NONCE_BYTES, varied_start
from tests.people import CHUNK, Person, bearer, face, person

Figures = dict[str, float]


async def main() -> None:
    """Answer questions until standard input ends."""
    while question := await asyncio.to_thread(next, questions(), None):
        work = _WORK[question.pop("do")]
        cpu, started = time.process_time(), time.perf_counter()
        figures = await work(**question)
        answer(seconds=time.perf_counter() - started, cpu=time.process_time() - cpu, **figures)


async def _upload(*, address: str, token: str, user_id: str, photo: str, count: str, at_once: str) -> Figures:
    """Upload ``count`` photos that differ, and count refusals; an answer must have the digest of what was sent."""
    content = await asyncio.to_thread(Path(photo).read_bytes)
    turns, refused = asyncio.Semaphore(int(at_once)), 0
    async with grpc.aio.insecure_channel(address) as channel:
        someone = person(channel, token, user_id)

        async def upload() -> float:
            nonlocal refused
            async with turns:
                started = time.perf_counter()
                try:
                    await _upload_varied(someone, content)
                except grpc.aio.AioRpcError as error:
                    sys.stderr.write(f"upload refused: {error.code().name}, {error.details()}\n")
                    refused += 1
                return time.perf_counter() - started

        slowest = max(await asyncio.gather(*(upload() for _ in range(int(count)))))
    return {"slowest": slowest, "refused": float(refused)}


async def _upload_varied(someone: Person, content: bytes) -> None:
    digest = hashlib.sha256()

    def chunks() -> Iterator[bytes]:
        yield varied_start() + content[2:CHUNK]
        yield from (content[start : start + CHUNK] for start in range(CHUNK, len(content), CHUNK))

    def messages() -> Iterator[pb.UploadMeImageRequest]:
        size = len(content) + NONCE_BYTES
        header = pb.UploadHeader(user_id=someone.user_id, size_bytes=size, filename="me.jpg", new_me_image=face("me"))
        yield pb.UploadMeImageRequest(header=header)
        for chunk in chunks():
            digest.update(chunk)
            yield pb.UploadMeImageRequest(chunk=chunk)

    uploaded = await someone.stub.UploadMeImage(messages(), metadata=someone.metadata)
    if uploaded.media.sha256 != digest.hexdigest() or not uploaded.me_image.me_image_id:
        raise ValueError("the answer is about other bytes")


async def _download(*, address: str, token: str, user_id: str, me_image_id: str, count: str, at_once: str) -> Figures:
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


async def _call(
    *, address: str, method: str, token: str, request: str, answer_bytes: str, calls: str, at_once: str
) -> Figures:
    """Make the same call again and again; an answer of another size is wrong. Latencies in microseconds."""
    body, left, wrong = bytes.fromhex(request), int(calls), 0
    latencies: list[float] = []
    async with grpc.aio.insecure_channel(address) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)

        async def repeat() -> None:
            nonlocal left, wrong
            while left > 0:
                left -= 1
                started = time.perf_counter()
                try:
                    wrong += len(await call(body, metadata=bearer(token))) != int(answer_bytes)
                except grpc.aio.AioRpcError:
                    wrong += 1
                latencies.append((time.perf_counter() - started) * 1e6)

        await asyncio.gather(*(repeat() for _ in range(int(at_once))))
    p50, p99 = (percentile(latencies, share) for share in (0.5, 0.99))
    return {"calls": float(len(latencies)), "wrong": float(wrong), "p50": p50, "p99": p99}


_WORK: Mapping[str, Callable[..., Awaitable[Figures]]] = {"upload": _upload, "download": _download, "call": _call}

if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
