"""GetMeImage and ListMeImages beside a bare server that does one query and gives the same answer."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from tests.bench.figures import Aim, Report, Row, Series
from tests.bench.load import Loader, Shape, loader
from tests.bench.pace import Pace
from tests.bench.sides import ENTRIES, GET, LIST, Run, Side, Sides, sides
from tests.bench.stage import Stage

CONNECTIONS, STREAMS = 4, 8
WARM_UP_CALLS = 400
_Pair = tuple[Run, Run]


async def get(stage: Stage, pace: Pace) -> Report:
    """GetMeImage, calls per second."""
    return await _throughput("GetMeImage", GET, Aim(0.80, at_least=True), stage, pace)


async def list_ten(stage: Stage, pace: Pace) -> Report:
    """ListMeImages of ten, calls per second."""
    return await _throughput(f"ListMeImages of {ENTRIES}", LIST, Aim(0.70, at_least=True), stage, pace)


async def latency(stage: Stage, pace: Pace) -> Report:
    """GetMeImage, one call after the other on one connection: for information."""
    shape = Shape(pace.latency_calls, 1, 1)
    async with _loaded_sides(stage, GET) as (both, load, note):
        pairs = await _rounds(pace.rounds, load, (both.service, shape), (both.bare, shape))
        await both.check()
    rows = (
        _row("GetMeImage p50", "us, one at a time", pairs, lambda run: run.loaded.p50),
        _row("GetMeImage p99", "us, one at a time", pairs, lambda run: run.loaded.p99),
    )
    return Report("latency", rows, (f"{pace.rounds} rounds of {shape.calls} calls, 1 connection; {note}",))


async def _throughput(what: str, method: str, aim: Aim, stage: Stage, pace: Pace) -> Report:
    async with _loaded_sides(stage, method) as (both, load, note):
        shapes = [await _calibrated(load, side, pace.seconds) for side in (both.service, both.bare)]
        pairs = await _rounds(pace.rounds, load, (both.service, shapes[0]), (both.bare, shapes[1]))
        await both.check()
    rows = (
        _row(what, "calls/s", pairs, lambda run: run.loaded.calls_per_second, aim),
        _row(what, "server CPU us/call", pairs, lambda run: run.cpu),
        _row(what, f"p99 us, {CONNECTIONS * STREAMS} at once", pairs, lambda run: run.loaded.p99),
    )
    notes = (
        f"{pace.rounds} rounds of {shapes[0].calls} and {shapes[1].calls} calls, about {pace.seconds:g} s each; "
        f"for both {CONNECTIONS} connections, {STREAMS} calls at once on each, "
        f"answers of {both.service.target.answer_bytes} bytes",
        f"{note}; of one core the servers used {_shares(pairs, 'server')}, the load {_shares(pairs, 'client')}",
        "every answer counted by its bytes; the service's log tells of no error",
    )
    return Report(what, rows, notes)


@asynccontextmanager
async def _loaded_sides(stage: Stage, method: str) -> AsyncIterator[tuple[Sides, Loader, str]]:
    """Both sides, warm."""
    async with loader() as (load, note), sides(stage, method) as both:
        for side in (both.service, both.bare):
            await side.run(load, Shape(WARM_UP_CALLS, CONNECTIONS, STREAMS))
        yield both, load, note


async def _calibrated(load: Loader, side: Side, seconds: float) -> Shape:
    """Return as many calls as last about so long. A number, not a time, so that every answer can be accounted for."""
    run = await side.run(load, Shape(WARM_UP_CALLS, CONNECTIONS, STREAMS))
    calls = max(round(run.loaded.calls_per_second * seconds / 100) * 100, WARM_UP_CALLS)
    return Shape(calls, CONNECTIONS, STREAMS)


async def _rounds(rounds: int, load: Loader, *loads: tuple[Side, Shape]) -> list[_Pair]:
    pairs = []
    for _ in range(rounds):
        ours, theirs = [await side.run(load, shape) for side, shape in loads]
        pairs.append((ours, theirs))
    return pairs


def _row(what: str, unit: str, pairs: Sequence[_Pair], figure: Callable[[Run], float], aim: Aim | None = None) -> Row:
    ours, theirs = (Series(tuple(figure(pair[side]) for pair in pairs)) for side in (0, 1))
    return Row(what, unit, ours, theirs, aim)


def _shares(pairs: Sequence[_Pair], whose: str) -> str:
    """As "95 % and 90 %": beside the service and beside its ceiling."""
    shares = [
        [run.server_share if whose == "server" else run.client_share for run in side]
        for side in zip(*pairs, strict=True)
    ]
    return " and ".join(f"{Series(tuple(side)).median:.0%}" for side in shares)
