"""Releases of references beside fetching the same sealed objects and opening them directly."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

from tests.bench.figures import Aim, Report, Row, Series
from tests.bench.helper import Answer, Helper, helping
from tests.bench.load import WrongAnswersError
from tests.bench.pace import Pace
from tests.bench.photos import soft_photo
from tests.bench.release_people import REFERENCES, Order, Subjects, subjects, together
from tests.bench.stage import Server, Stage

PEOPLE = AT_ONCE = 4
WARM_UP = 16
_AIM = Aim(0.70, at_least=True)
_Figures = tuple[Answer, ...]
"""Of one way after the other: the service one at a time, the service with several at once, the ceiling."""


async def release(stage: Stage, pace: Pace) -> Report:
    """Releases per second of one and of four references, the time to their first byte, and a first release."""
    photo = await asyncio.to_thread(soft_photo)
    rows: list[Row] = []
    notes: list[str] = []
    async with (
        stage.server("release") as server,
        subjects(stage, server.address) as people,
        helping("tests.bench.release_client") as client,
        helping("tests.bench.direct", **stage.ceiling_settings()) as direct,
    ):
        sides = _Sides(stage, server, client, direct)
        each = [await people.with_references(photo, REFERENCES) for _ in range(PEOPLE)]
        for orders in ([some[0] for some in each], [together(some) for some in each]):
            await people.check(orders)
            rounds = await sides.rounds(orders, pace)
            await people.check(orders)
            rows += _rows(orders, rounds)
            notes.append(_note(orders, rounds))
        one, making = await _first_releases(sides, people, photo, pace)
        rows += making
        if await people.entries([*orders, one]) != sides.made + people.checks:
            raise WrongAnswersError("the ledgers tell of other releases than there were")
    notes.append(
        f"{pace.rounds} rounds of {pace.releases} for all, over {PEOPLE} people with {REFERENCES} photos of 12 "
        f"megapixels and {len(photo) / 1e6:.1f} MB; the ceiling fetches the same sealed objects with the SDK and opens "
        "their seals, one after the other in one thread, without consent, ledger and digest"
    )
    notes.append(
        "releases were compared with their digests before and after, all others by their length; the ledgers have "
        "exactly as many entries as there were releases"
    )
    return Report("release", tuple(rows), tuple(notes))


class _Sides:
    """The service and the ceiling; ``made`` counts the releases."""

    def __init__(self, stage: Stage, server: Server, client: Helper, direct: Helper) -> None:
        self._kek_file = str(stage.folder / "kek")
        self._token = stage.backend()
        self._server = server
        self._client = client
        self._direct = direct
        self.made = 0

    async def rounds(self, orders: Sequence[Order], pace: Pace) -> list[_Figures]:
        """Go every way once in every round."""
        ways: tuple[Callable[[int], Awaitable[Answer]], ...] = (
            lambda count: self.service(orders, count, 1),
            lambda count: self.service(orders, count, AT_ONCE),
            lambda count: self.ceiling(orders, count),
        )
        for way in ways:
            await way(WARM_UP)
        return [tuple([await way(pace.releases) for way in ways]) for _ in range(pace.rounds)]

    async def service(self, orders: Sequence[Order], count: int, at_once: int) -> Answer:
        """Have orders released in turns; ``server`` is the CPU seconds of the server and its decoders."""
        before = self._server.tree.cpu_seconds()
        requests = json.dumps([order.request().SerializeToString().hex() for order in orders])
        question = {"address": self._server.address, "token": self._token, "requests": requests}
        done = await self._client.ask(**question, count=count, at_once=at_once)
        if done["unended"]:
            raise WrongAnswersError(f"{done['unended']:.0f} of {count} releases had no end")
        self.made += count
        return _whole(done, orders, count) | {"server": self._server.tree.cpu_seconds() - before}

    async def ceiling(self, orders: Sequence[Order], count: int) -> Answer:
        """Fetch and open the same."""
        sets = json.dumps([(order.user_id, order.wrapped_key.hex(), order.objects) for order in orders])
        done = await self._direct.ask(do="open", kek_file=self._kek_file, sets=sets, count=count)
        return _whole(done, orders, count)


def _whole(done: Answer, orders: Sequence[Order], count: int) -> dict[str, float]:
    wanted = sum(orders[number % len(orders)].size for number in range(count))
    if done["bytes"] != wanted:
        raise WrongAnswersError(f"{done['bytes']:.0f} bytes instead of {wanted}")
    return dict(done) | {"count": float(count)}


def _rows(orders: Sequence[Order], rounds: Sequence[_Figures]) -> tuple[Row, ...]:
    what = f"release of {len(orders[0].objects)}"
    one, many, bare = zip(*rounds, strict=True)
    alone, together_ = f"{what}, one at a time", f"{what}, {AT_ONCE} at once"
    return (
        Row(alone, "releases/s", _series(one, _rate), _series(bare, _rate), _AIM),
        Row(together_, "releases/s", _series(many, _rate), _series(bare, _rate), _AIM),
        Row(alone, "MB/s", _series(one, _speed), _series(bare, _speed)),
        Row(together_, "MB/s", _series(many, _speed), _series(bare, _speed)),
        Row(f"{what}, first byte p50", "ms", _series(one, lambda done: done["p50"])),
        Row(f"{what}, first byte p99", "ms", _series(one, lambda done: done["p99"])),
        Row(f"{what}, first byte p50, {AT_ONCE} at once", "ms", _series(many, lambda done: done["p50"])),
        Row(f"{what}, first byte p99, {AT_ONCE} at once", "ms", _series(many, lambda done: done["p99"])),
        Row(what, "server CPU ms", _series(one, lambda done: done["server"] / done["count"] * 1e3)),
    )


def _note(orders: Sequence[Order], rounds: Sequence[_Figures]) -> str:
    size = sum(order.size for order in orders) / sum(len(order.objects) for order in orders) / 1e6
    one, many, bare = zip(*rounds, strict=True)
    return (
        f"of {len(orders[0].objects)}, png-1024 of {size:.2f} MB each; of one core the server used "
        f"{_share(one, 'server')} one at a time and {_share(many, 'server')} at {AT_ONCE}, its client "
        f"{_share(one, 'cpu')} and {_share(many, 'cpu')}, the ceiling {_share(bare, 'cpu')}"
    )


async def _first_releases(sides: _Sides, people: Subjects, photo: bytes, pace: Pace) -> tuple[Order, tuple[Row, ...]]:
    """Have one reference released as if it were the first time, and once again, in turns."""
    (order,) = await people.with_references(photo, 1)
    first, next_ = [], []
    for _ in range(pace.first_releases):
        await people.unmake(order)
        first.append(await sides.service([order], 1, 1))
        next_.append(await sides.service([order], 1, 1))
    rows = (
        Row("a first release of 1, rendered on the way", "s", _series(first, lambda done: done["seconds"])),
        Row("the next one", "s", _series(next_, lambda done: done["seconds"])),
        Row("a first release of 1", "server CPU s", _series(first, lambda done: done["server"])),
        Row("the next one", "server CPU s", _series(next_, lambda done: done["server"])),
    )
    return order, rows


def _rate(done: Answer) -> float:
    return done["count"] / done["seconds"]


def _speed(done: Answer) -> float:
    return done["bytes"] / done["seconds"] / 1e6


def _share(rounds: Sequence[Answer], name: str) -> str:
    """What part of one core a process used."""
    return f"{_series(rounds, lambda done: done[name] / done['seconds']).median:.0%}"


def _series(rounds: Sequence[Answer], figure: Callable[[Answer], float]) -> Series:
    return Series(tuple(figure(done) for done in rounds))
