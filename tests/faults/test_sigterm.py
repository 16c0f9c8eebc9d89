"""SIGTERM under load: what was acknowledged is there, what was not is absent or whole, and the server ends in time."""

import asyncio
import json
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from service.config import Settings
from service.rpc.server import GRACE_SECONDS
from tests import pictures, rules
from tests.conftest import Served
from tests.faults.load import EAGER
from tests.invariants import sound
from tests.people import Person, face, new_user_id, person, upload_messages
from tests.serve_process import launched
from tests.stored import Stored
from tests.tokens import Issuer
from tests.waiting import until

ROUNDS, PEOPLE = 20, 4
END_SECONDS = GRACE_SECONDS + 5
"""The grace, and the way down behind it."""


@dataclass
class Someone:
    """Who uploads and relabels until the server is gone, and remembers what was asked and what was answered."""

    who: Person
    chance: random.Random
    photos: dict[str, bytes] = field(default_factory=dict)
    labels: dict[str, set[str]] = field(default_factory=dict)
    """Of every me-image that was acknowledged, the labels that it may have now."""

    answers: int = 0

    async def go_on(self) -> None:
        """Upload and relabel until the server answers no more."""
        try:
            while True:
                await self._upload(f"photo {len(self.photos)}")
                await self._relabel(self.chance.choice(list(self.labels)))
        except grpc.aio.AioRpcError as error:
            # grpcio makes a status of its own for a call that is refused while it still sends.
            is_refused = error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
            if not is_refused and error.details() != "Internal error from Core":
                raise

    async def _upload(self, label: str) -> None:
        photo = pictures.jpeg(20 + len(self.photos), 20) + self.chance.randbytes(self.chance.choice([9, 9, 2_000_000]))
        self.photos[label] = photo
        answer = await self.who.upload(photo, face(label))
        self.labels[answer.me_image.me_image_id] = {label}
        self.answers += 1

    async def _relabel(self, of: str) -> None:
        before, (first, *_) = self.labels[of], self.labels[of]
        label = f"{first.split(',')[0]}, again {self.answers}"
        self.labels[of] = before | {label}
        await rules.relabel(self.who, of, label)
        self.labels[of] = {label}
        self.answers += 1

    async def is_kept(self, channel: grpc.aio.Channel, stored: Stored) -> None:
        """Check all of it, at another server."""
        there = person(channel, self.who.token, self.who.user_id)
        listed = {
            each.me_image_id: each for each in (await there.page(rpc.ListMeImagesRequest(page_size=200))).me_images
        }
        assert self.labels.keys() <= listed.keys()
        for me_image_id, me_image in listed.items():
            assert me_image.label in self.labels.get(me_image_id, self.photos)
            _, content = await there.download(me_image_id)
            assert content == self.photos[me_image.label.split(",")[0]]
        await sound(there, stored.database)


def codes_in(log: Path) -> set[str]:
    """Return how calls have ended."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return {line["code"] for line in lines if line["event"] == "call"}


@asynccontextmanager
async def people_at(address: str, issuer: Issuer, chance: random.Random) -> AsyncIterator[list[Someone]]:
    """People with a connection each."""
    async with AsyncExitStack() as stack:
        people = []
        for _ in range(PEOPLE):
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(address, options=EAGER))
            user_id = new_user_id()
            people.append(Someone(person(channel, issuer.user(user_id), user_id), chance))
        yield people


@pytest.mark.parametrize("workers", [1, 2])
async def test_nothing_acknowledged_is_lost(
    settings: Settings,
    issuer: Issuer,
    served: Served,
    stored: Stored,
    seeded: random.Random,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    workers: int,
) -> None:
    rounds = ROUNDS // 2 if request.config.getoption("whole") else 2
    roomy = settings.model_copy(update={"max_me_images": 10_000, "decoders": 1})
    for _ in range(rounds):
        async with (
            launched(roomy, tmp_path, workers=workers) as (server, address),
            people_at(address, issuer, seeded) as people,
        ):
            tasks = [asyncio.create_task(each.go_on()) for each in people]
            await until(lambda people=people: all(each.answers for each in people))
            await asyncio.wait(tasks, timeout=seeded.uniform(0, 1))  # the moment, not a wait for anything
            began = time.monotonic()
            for _ in range(seeded.randint(1, 2)):
                server.send_signal(signal.SIGTERM)
            async with asyncio.timeout(END_SECONDS):
                await asyncio.gather(*tasks)
                assert await server.wait() == 0
            ended = time.monotonic() - began
        for each in people:
            await each.is_kept(served.channel, stored)
        assert codes_in(tmp_path / "log.jsonl") <= {"OK", "UNAVAILABLE", "CANCELLED"}
        asked, answered = sum(len(each.photos) for each in people), sum(len(each.labels) for each in people)
        print(f"{asked} uploads, {answered} acknowledged, the end took {ended:.1f} s")  # noqa: T201


async def test_health_turns_first_and_what_is_under_way_is_finished(
    settings: Settings, issuer: Issuer, served: Served, tmp_path: Path
) -> None:
    """Of an upload that has begun, the rest comes after SIGTERM."""
    user_id, photo = new_user_id(), pictures.jpeg(70, 50) + bytes(2_000_000)
    first, *rest = upload_messages(rpc.UploadHeader(user_id=user_id, new_me_image=face("late")), photo)
    async with (
        launched(settings, tmp_path, workers=1) as (server, address),
        grpc.aio.insecure_channel(address) as channel,
        grpc.aio.insecure_channel(address, options=EAGER) as another,
    ):
        me = person(channel, issuer.user(user_id), user_id)
        health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await health.read()).status == health_pb2.HealthCheckResponse.SERVING
        upload = me.stub.UploadMeImage(metadata=me.metadata)
        for message in (first, *rest[:4]):
            await upload.write(message)
        await me.page()  # the server has read on this connection what came before it
        server.send_signal(signal.SIGTERM)
        assert (await health.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING

        async def refuses_others() -> bool:
            try:
                await person(another, me.token, user_id).page()
            except grpc.aio.AioRpcError as error:
                return error.code() is grpc.StatusCode.UNAVAILABLE
            return False

        await until(refuses_others)
        for message in rest[4:]:
            await upload.write(message)
        await upload.done_writing()
        made = (await upload).me_image
        async with asyncio.timeout(END_SECONDS):
            assert await server.wait() == 0
    there = person(served.channel, me.token, user_id)
    assert (await there.download(made.me_image_id))[1] == photo
    assert [each.kind for each in (await there.page()).me_images] == [pb.KIND_FACE]
