"""Downloads of an original beside reading its sealed object directly."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import grpc

from service.domain.model import MediaId
from service.domain.objects import ORIGINAL, object_key
from tests.bench.figures import Aim, Report, Row, Series
from tests.bench.helper import Answer, Helper, helping
from tests.bench.load import WrongAnswersError
from tests.bench.pace import Pace
from tests.bench.photos import varied
from tests.bench.stage import Server, Stage
from tests.people import Person, face, person

AT_ONCE = 4
WARM_UP = 8
_AIM = Aim(0.70, at_least=True)


@dataclass(frozen=True)
class _Original:
    """A stored photo, its owner and the key of its object."""

    owner: Person
    me_image_id: str
    content: bytes
    key: str

    async def check(self) -> None:
        """Download it once. Raises WrongAnswersError unless it is what was uploaded."""
        _, content = await self.owner.download(self.me_image_id)
        if content != self.content:
            raise WrongAnswersError("the download is not what was uploaded")


async def download(stage: Stage, pace: Pace) -> Report:
    """MB/s of a 5 MB original through DownloadMeImage, and of its sealed object through the SDK in one thread."""
    async with (
        stage.server("download") as server,
        grpc.aio.insecure_channel(server.address) as channel,
        helping("tests.bench.client") as client,
        helping("tests.bench.direct", **stage.ceiling_settings()) as direct,
    ):
        original = await _uploaded(stage, channel)
        await original.check()
        size, count = len(original.content), pace.downloads
        ways: tuple[Callable[[int], Awaitable[Answer]], ...] = (
            lambda count: _download(client, server, original, count, 1),
            lambda count: _download(client, server, original, count, AT_ONCE),
            lambda count: direct.ask(do="read", key=original.key, count=count),
        )
        for way in ways:
            await way(WARM_UP)
        rounds = [[await _timed(way, size, count) for way in ways] for _ in range(pace.rounds)]
        await original.check()
    one, many, bare = (Series(tuple(speed for speed, _ in way)) for way in zip(*rounds, strict=True))
    rows = (
        Row("DownloadMeImage of 5 MB, one at a time", "MB/s", one, bare, _AIM),
        Row(f"DownloadMeImage of 5 MB, {AT_ONCE} at once", "MB/s", many, bare, _AIM),
    )
    shares = [f"{Series(tuple(share for _, share in way)).median:.0%}" for way in zip(*rounds, strict=True)]
    notes = (
        f"{pace.rounds} rounds of {count} for all; the ceiling reads the sealed object with the SDK in one thread",
        f"of one core the client used {shares[0]} one at a time and {shares[1]} at {AT_ONCE}, the ceiling {shares[2]}; "
        "one download was compared with the upload before and after, all others by their length",
    )
    return Report("download", rows, notes)


async def _uploaded(stage: Stage, channel: grpc.aio.Channel) -> _Original:
    somebody = stage.somebody()
    owner = person(channel, somebody.token, somebody.user_id)
    content = varied(await asyncio.to_thread(stage.photo.read_bytes))
    uploaded = await owner.upload(content, face("me"))
    key = object_key(MediaId(UUID(uploaded.media.media_id)), ORIGINAL)
    return _Original(owner, uploaded.me_image.me_image_id, content, key)


async def _download(client: Helper, server: Server, original: _Original, count: int, at_once: int) -> Answer:
    return await client.ask(
        do="download",
        address=server.address,
        token=original.owner.token,
        user_id=original.owner.user_id,
        me_image_id=original.me_image_id,
        count=count,
        at_once=at_once,
    )


async def _timed(way: Callable[[int], Awaitable[Answer]], size: int, count: int) -> tuple[float, float]:
    """Return MB/s, and how much of a core the process that reads used. Sealed, an object is 89 bytes longer."""
    done = await way(count)
    if not size * count <= done["bytes"] <= (size + 200) * count:
        raise WrongAnswersError(f"{done['bytes']:.0f} bytes of {count} downloads of {size}")
    return size * count / done["seconds"] / 1e6, done["cpu"] / done["seconds"]
