"""Clients of the race between consent and release, each a process of its own: one decides, others ask for releases.

A racer reads one task from standard input and prints what it saw. Whoever asks goes on until its input ends.
Times are of the monotonic clock, which all processes of a machine share, in nanoseconds.
"""

import asyncio
import hashlib
import random
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from uuid import UUID

import grpc
import uvloop
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import reference_service_pb2 as rpc
from meimage.v1.reference_service_pb2_grpc import ReferenceServiceStub
from pydantic import BaseModel

from tests import rules
from tests.people import Person, bearer, person, refusal
from tests.releases import GENERATOR

OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]
CHANNELS, ASKING, RETRY = 4, 2, 0.2
WAYS = ("withdraw",) * 5 + ("pause",) * 2 + ("delete",)
REASONS = {"withdraw": "CONSENT_NOT_GIVEN", "pause": "AI_REFERENCES_PAUSED", "delete": "ME_IMAGE_DELETED"}


class Lane(BaseModel):
    """A person with a me-image whose consent comes and goes, and another one that stays opted in."""

    user_id: str
    me_image_id: str
    other_id: str


class Task(BaseModel):
    """What a racer is to do; with ``rounds`` it decides, so often in each lane, without it asks."""

    address: str
    token: str
    seed: int
    lanes: list[Lane]
    rounds: int | None


class Ending(BaseModel):
    """An end of a consent, as its answer arrived; ``me_image_id`` is empty for a pause."""

    me_image_id: str
    answered: int


class Asked(BaseModel):
    """A release that was asked for: the reason of its refusal, or what came."""

    lane: int
    begun: int
    ended: int
    reason: str = ""
    sequence: int = 0
    release_id: str = ""
    images: list[tuple[str, str]] = []


class Seen(BaseModel):
    """All that a racer saw: of each lane its endings in their order."""

    endings: list[list[Ending]] = []
    asked: list[Asked] = []


class Racer:
    """What both kinds of racers can do."""

    def __init__(self, task: Task, channels: list[grpc.aio.Channel]) -> None:
        self.task, self.seen = task, Seen()
        self.chance = random.Random(task.seed)  # noqa: S311 # no secret comes of it
        self._stubs = [ReferenceServiceStub(channel) for channel in channels]
        self._people = {
            lane.user_id: [person(channel, task.token, lane.user_id) for channel in channels] for lane in task.lanes
        }

    def who(self, lane: Lane) -> Person:
        """The person of a lane, on any connection: it may lead to any of the server's processes."""
        return self.chance.choice(self._people[lane.user_id])

    async def ask(self, number: int, request: rpc.ReleaseReferencesRequest) -> Asked:
        """Ask for a release and note what came, to its end or to the refusal."""
        request.user_id, request.generator, request.purpose = self.task.lanes[number].user_id, GENERATOR, "race"
        stub = self.chance.choice(self._stubs)
        asked = Asked(lane=number, begun=time.monotonic_ns(), ended=0, images=[])
        self.seen.asked.append(asked)
        digest = hashlib.sha256()
        try:
            async for message in stub.ReleaseReferences(request, metadata=bearer(self.task.token)):
                match message.WhichOneof("part"):
                    case "release":
                        asked.sequence, asked.release_id = message.release.ledger_sequence, message.release.release_id
                    case "image":
                        digest = hashlib.sha256()
                        asked.images.append((message.image.me_image_id, ""))
                    case "chunk":
                        digest.update(message.chunk)
                        asked.images[-1] = (asked.images[-1][0], digest.hexdigest())
        except grpc.aio.AioRpcError as error:
            asked.reason = refusal(error).reason
        asked.ended = time.monotonic_ns()
        return asked


async def decide(racer: Racer, number: int, rounds: int) -> None:
    """End consent and give it again, so often; a release that is asked for in between must get nothing."""
    lane = racer.task.lanes[number]
    for _ in range(rounds):
        way = racer.chance.choice(WAYS)
        match way:
            case "withdraw":
                await rules.opt(racer.who(lane), lane.me_image_id, enabled=False)
            case "pause":
                await rules.switch(racer.who(lane), enabled=False)
            case _:
                await rules.delete(racer.who(lane), lane.me_image_id)
        of = "" if way == "pause" else lane.me_image_id
        racer.seen.endings[number].append(Ending(me_image_id=of, answered=time.monotonic_ns()))
        late = await racer.ask(number, rpc.ReleaseReferencesRequest(me_image_ids=[lane.me_image_id]))
        assert (late.reason, late.release_id, late.images) == (REASONS[way], "", []), (way, late)
        if way == "pause":
            await rules.switch(racer.who(lane), enabled=True)
            continue
        if way == "delete":
            await rules.undelete(racer.who(lane), lane.me_image_id)
        await rules.opt(racer.who(lane), lane.me_image_id, enabled=True)


async def ask_on(racer: Racer, is_over: Callable[[], bool]) -> None:
    """Ask for releases of anybody, in all ways; now and then a second time, as after an answer that was lost."""
    came: list[tuple[int, rpc.ReleaseReferencesRequest]] = []
    while not is_over():
        if came and racer.chance.random() < RETRY:
            await racer.ask(*came.pop(racer.chance.randrange(len(came))))
            continue
        number = racer.chance.randrange(len(racer.task.lanes))
        request = wanted(racer.chance, racer.task.lanes[number])
        if (await racer.ask(number, request)).images:
            came = [*came[-9:], (number, request)]


def wanted(chance: random.Random, lane: Lane) -> rpc.ReleaseReferencesRequest:
    """Return a request that names the me-image, or its slot, or takes what there is."""
    request = rpc.ReleaseReferencesRequest()
    if chance.random() < 0.5:
        request.request_id = str(UUID(int=chance.getrandbits(128), version=4))
    match chance.choice(["id", "id", "id", "both", "slot", "kind"]):
        case "id":
            request.me_image_ids.append(lane.me_image_id)
        case "both":
            request.me_image_ids.extend([lane.other_id, lane.me_image_id])
        case "slot":
            request.slots.append(pb.SLOT_FACE_REF)
        case _:
            request.by_kind.SetInParent()
    return request


async def run(task: Task) -> Seen:
    """Do a task."""
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(task.address, options=OWN_CONNECTION))
            for _ in range(CHANNELS)
        ]
        racer = Racer(task, channels)
        works: list[Awaitable[None]]
        if task.rounds is not None:
            racer.seen.endings = [[] for _ in task.lanes]
            works = [decide(racer, number, task.rounds) for number in range(len(task.lanes))]
        else:
            over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
            works = [ask_on(racer, over.done) for _ in range(ASKING)]
        await asyncio.gather(*works)
        return racer.seen


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(run(Task.model_validate_json(sys.stdin.readline()))).model_dump_json())  # noqa: T201
