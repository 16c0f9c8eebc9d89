"""People who never stop deciding, and watchers who always come back."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import grpc
from meimage.v1 import event_pb2
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import pictures, rules
from tests.people import Person, face, person
from tests.waiting import until
from tests.watching import watching

Answer = TypeVar("Answer")
# A client that is cut off tries again at once, as no caller of a dead server should.
EAGER = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 50),
]


async def retried(channel: grpc.aio.Channel, call: Callable[[str], Awaitable[Answer]]) -> Answer:
    """Make a call until it is answered, always under the same request_id."""
    request_id = str(uuid.uuid4())
    async with asyncio.timeout(60):
        while True:
            try:
                return await call(request_id)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                await channel.channel_ready()


@dataclass
class Writer:
    """Somebody who decides until told to stop."""

    channel: grpc.aio.Channel
    who: Person
    chance: random.Random
    decisions: int = 0
    stopped: bool = False

    async def write(self) -> None:
        """Decide one thing after another."""
        photos = [pictures.png(), pictures.jpeg()]
        ids = [(await retried(self.channel, self._upload(photo))).me_image.me_image_id for photo in photos]
        while not self.stopped:
            await retried(self.channel, self._decision(self.chance.choice(ids)))
            self.decisions += 1

    def _upload(self, photo: bytes) -> Callable[[str], Awaitable[rpc.UploadMeImageResponse]]:
        return lambda request_id: self.who.upload(photo, face(), request_id=request_id)

    def _decision(self, of: str) -> Callable[[str], Awaitable[object]]:
        slot, enabled = self.chance.choice([pb.SLOT_AVATAR, pb.SLOT_BODY_REF]), self.chance.random() < 0.5
        if self.decisions % 2:
            return lambda request_id: rules.claim(self.who, of, slot, request_id=request_id)
        return lambda request_id: rules.opt(self.who, of, enabled, request_id=request_id)

    async def decides(self, more: int) -> None:
        """Wait until so many more decisions are answered."""
        enough = self.decisions + more
        await until(lambda: self.decisions >= enough)


@asynccontextmanager
async def writing(writers: list[Writer]) -> AsyncIterator[None]:
    """Write while the block runs, and until the last decision is answered."""
    tasks = [asyncio.create_task(writer.write()) for writer in writers]
    try:
        yield
    finally:
        for writer in writers:
            writer.stopped = True
        await asyncio.gather(*tasks)


@dataclass
class Returner:
    """Somebody who watches, and after every end of a watch goes on where it was."""

    address: str
    token: str
    user_id: str
    resume: str = ""
    seen: list[event_pb2.MeImageEvent] = field(default_factory=list)
    begins: int = 0
    ends: int = 0

    async def is_on(self) -> None:
        """Wait until the watch is on."""
        await until(lambda: self.begins > self.ends)

    async def is_over(self, ends: int) -> None:
        """Wait until a watch has ended so many times."""
        await until(lambda: self.ends >= ends)

    async def sees(self, more: int) -> None:
        """Wait for so many more events."""
        enough = len(self.seen) + more
        await until(lambda: len(self.seen) >= enough)

    def seen_of(self, who: Person) -> list[event_pb2.MeImageEvent]:
        """Return what was seen of one person."""
        return [event for event in self.seen if event.user_id == who.user_id]

    async def watch(self) -> None:
        """Watch for ever."""
        while True:
            try:
                await self._watch_once()
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                self.ends += 1

    async def _watch_once(self) -> None:
        async with grpc.aio.insecure_channel(self.address, options=EAGER) as channel:
            await channel.channel_ready()
            async with watching(person(channel, self.token, self.user_id), self.resume) as watch:
                self.begins, self.resume = self.ends + 1, watch.token
                while True:
                    message = await watch.next(seconds=60)
                    if message.HasField("event"):
                        self.seen.append(message.event)
                    self.resume = message.resume_token


@asynccontextmanager
async def returning(*watchers: Returner) -> AsyncIterator[None]:
    """Let them watch while the block runs."""
    tasks = [asyncio.create_task(watcher.watch()) for watcher in watchers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended
