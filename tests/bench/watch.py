"""How long after a change was answered its event is with those who watch."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import grpc
from meimage.v1 import me_image_service_pb2 as pb

from tests.bench.figures import Report, Row, Series, percentile
from tests.bench.load import WrongAnswersError
from tests.bench.pace import Pace
from tests.bench.seed import Crowd, seed
from tests.bench.stage import Stage
from tests.people import Person, person

WARM_UP, LIMIT_SECONDS = 20, 10.0
WATCHERS = ("one user", "all users")
PAUSE_SECONDS = 0.005


class _Watcher:
    """Keeps the time of every event, by what the pool's revision was."""

    def __init__(self) -> None:
        self.seen: dict[int, float] = {}
        self.ready = asyncio.Event()
        self._news = asyncio.Event()

    async def watch(self, backend: Person, user_id: str) -> None:
        """Watch for ever."""
        call = backend.stub.WatchMeImages(pb.WatchMeImagesRequest(user_id=user_id), metadata=backend.metadata)
        async for message in call:
            self.ready.set()
            if message.HasField("event"):
                self.seen[message.event.revision] = time.perf_counter()
                self._news.set()

    async def at(self, revision: int) -> float:
        """Return when the event of a revision came. Raises TimeoutError."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while revision not in self.seen:
                self._news.clear()
                await self._news.wait()
        return self.seen[revision]


async def watch(stage: Stage, pace: Pace) -> Report:
    """Delay of events: p50 and p99 of each round, for a watcher of the user and one of everybody, both at once."""
    crowd = Crowd("watch", 1, 1)
    await seed(stage.stores.database_url, stage.folder / "kek", crowd)
    delays: dict[str, list[list[float]]] = {name: [] for name in WATCHERS}
    async with (
        stage.server("watch") as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        backend, me_image_id = person(channel, stage.backend(), crowd.user_id(0)), str(crowd.me_image_id(0, 0))
        async with _watching(backend) as watchers:
            await _round(backend, me_image_id, watchers, WARM_UP)
            for _ in range(pace.rounds):
                found = await _round(backend, me_image_id, watchers, pace.watched)
                for name, values in found.items():
                    delays[name].append(values)
    rows = [_row(name, share, delays[name]) for name in WATCHERS for share in (0.5, 0.99)]
    notes = (
        f"{pace.rounds} rounds of {pace.watched} SetAiReferenceEnabled, one at a time on an otherwise idle server; "
        "from the answer being with the caller to the event being with the watcher, both in one Python process; below "
        "zero: the event was there first",
    )
    return Report("watch", tuple(rows), notes)


@asynccontextmanager
async def _watching(backend: Person) -> AsyncIterator[dict[str, _Watcher]]:
    """Watch one user and all while the context is open. Raises WrongAnswersError where no checkpoint comes."""
    watchers = {name: _Watcher() for name in WATCHERS}
    targets = zip(watchers.values(), (backend.user_id, ""), strict=True)
    tasks = [asyncio.create_task(watcher.watch(backend, user_id)) for watcher, user_id in targets]
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            for watcher in watchers.values():
                await watcher.ready.wait()
        yield watchers
    except TimeoutError:
        raise WrongAnswersError(f"a watcher was told nothing within {LIMIT_SECONDS:g} s") from None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _round(
    backend: Person, me_image_id: str, watchers: Mapping[str, _Watcher], count: int
) -> dict[str, list[float]]:
    """Make an even number of changes. Delays in microseconds. Raises TimeoutError where an event is missing."""
    found: dict[str, list[float]] = {name: [] for name in watchers}
    for number in range(count // 2 * 2):
        request = pb.SetAiReferenceEnabledRequest(
            user_id=backend.user_id, me_image_id=me_image_id, enabled=number % 2 == 0
        )
        changed = await backend.stub.SetAiReferenceEnabled(request, metadata=backend.metadata)
        answered = time.perf_counter()
        for name, watcher in watchers.items():
            found[name].append((await watcher.at(int(changed.me_image.etag)) - answered) * 1e6)
        await asyncio.sleep(PAUSE_SECONDS)
    return found


def _row(name: str, share: float, rounds: list[list[float]]) -> Row:
    figure: Callable[[list[float]], float] = lambda values: percentile(values, share)  # noqa: E731
    return Row(f"event to a watcher of {name}, p{share * 100:.0f}", "us", Series(tuple(map(figure, rounds))))
