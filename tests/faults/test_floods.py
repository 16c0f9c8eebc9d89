"""Floods from every side at once, while somebody innocent makes calls: all of these succeed, and memory is bounded."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.config import Settings
from tests import pictures
from tests.bench.figures import percentile
from tests.bench.processes import ProcessTree, watched_memory
from tests.faults.floods import Attacker, bomb
from tests.people import Person, face, new_user_id, person
from tests.serve_process import serving
from tests.tokens import Issuer

Answer = TypeVar("Answer")
RESETS, HEADER_ONLY, STALLED, BOMB_MIB = 20_000, 1_600, 64, 1_800
STALLED_IN_LINE = 60
"""They have sent so much that they wait for a place in memory for all of their photo, of which there are six."""

LITTLE, MUCH = 100 * 1024, 1024 * 1024
DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED = 4, 8
CALL_SECONDS = 10.0
MEMORY_MIB = 400.0
"""What the floods may cost; each bomb would take 1,800."""


@dataclass
class Innocent:
    """Somebody who calls one thing after another and expects an answer to each. ``seconds`` that they took, by name."""

    who: Person
    channel: grpc.aio.Channel
    seconds: dict[str, list[float]] = field(default_factory=dict)

    async def read(self, me_image_id: str) -> None:
        """Read for ever."""
        health = health_pb2_grpc.HealthStub(self.channel)
        while True:
            await self._timed("GetMeImage", partial(self.who.get, me_image_id))
            await self._timed("ListMeImages", self.who.page)
            asked = partial(health.Check, health_pb2.HealthCheckRequest())
            assert (await self._timed("health", asked)).status == health_pb2.HealthCheckResponse.SERVING

    async def write(self) -> None:
        """Upload and download for ever, photos small and large."""
        number = 0
        while True:
            number += 1
            photo = pictures.jpeg(40 + number, 50) + bytes(number % 2 * 5_000_000)
            made = (await self._timed("UploadMeImage", partial(self.who.upload, photo, face()))).me_image
            got = await self._timed("DownloadMeImage", partial(self.who.download, made.me_image_id))
            assert got[1] == photo

    async def _timed(self, name: str, call: Callable[[], Awaitable[Answer]]) -> Answer:
        began = time.monotonic()
        async with asyncio.timeout(CALL_SECONDS):
            answer = await call()
        self.seconds.setdefault(name, []).append(time.monotonic() - began)
        return answer


@asynccontextmanager
async def going_on(innocent: Innocent, me_image_id: str) -> AsyncIterator[None]:
    """Let somebody call while the block runs; one call that fails fails the test."""
    tasks = [asyncio.create_task(innocent.read(me_image_id)), asyncio.create_task(innocent.write())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for name, seconds in innocent.seconds.items():
            median, late = percentile(seconds, 0.5), percentile(seconds, 0.99)
            print(f"{name}: {len(seconds)} calls, {median:.3f} s, p99 {late:.3f}, most {max(seconds):.3f}")  # noqa: T201
        assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended


async def test_somebody_innocent_is_answered_all_the_while(settings: Settings, issuer: Issuer, tmp_path: Path) -> None:
    inflating = await asyncio.to_thread(bomb, BOMB_MIB)
    roomy = settings.model_copy(update={"max_me_images": 10_000})
    async with serving(roomy, tmp_path, workers=1) as (server, address):
        tree = ProcessTree(server.pid)
        async with grpc.aio.insecure_channel(address) as channel:
            user_id = new_user_id()
            innocent = Innocent(person(channel, issuer.user(user_id), user_id), channel)
            made = (await innocent.who.upload(pictures.jpeg(), face())).me_image.me_image_id
            before = tree.memory_mib()
            attacker, pusher = (Attacker(address, evil, issuer.user(evil)) for evil in (new_user_id(), new_user_id()))
            async with watched_memory(tree) as peak, going_on(innocent, made):
                await asyncio.gather(
                    attacker.header_only(HEADER_ONLY),
                    attacker.stalled_uploads(STALLED, bytes(LITTLE)),
                    pusher.stalled_uploads(STALLED_IN_LINE, bytes(MUCH)),
                    attacker.resets(RESETS),
                    attacker.bombs(inflating),
                )
    assert attacker.statuses == {
        "header only": [DEADLINE_EXCEEDED] * HEADER_ONLY,
        f"stalled after {LITTLE} bytes": [DEADLINE_EXCEEDED] * STALLED,
        "bomb": [RESOURCE_EXHAUSTED] * 2,
    }
    (pushed,) = pusher.statuses.values()
    assert (len(pushed), set(pushed)) == (STALLED_IN_LINE, {DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED})
    assert peak.mib - before < MEMORY_MIB
    assert min(len(each) for each in innocent.seconds.values()) > 3
