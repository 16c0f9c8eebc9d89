"""SetPrimary and SetAiReferenceEnabled beside the same transactions on asyncpg."""

from collections.abc import Callable, Sequence

import asyncpg

from tests.bench.figures import Aim, Report, Row, Series
from tests.bench.helper import Answer, Helper, helping
from tests.bench.load import WrongAnswersError
from tests.bench.pace import Pace
from tests.bench.processes import ProcessTree
from tests.bench.seed import Crowd, seed
from tests.bench.stage import Stage

METHODS = ("SetPrimary", "SetAiReferenceEnabled")
PEOPLE, AT_ONCE, WARM_UP_CALLS = 512, 32, 512
AIM = Aim(0.70, at_least=True)
_Pair = tuple[Answer, Answer]


async def rules(stage: Stage, pace: Pace) -> Report:
    """Changes per second, each of them real: the events count them."""
    crowds = [Crowd(name, PEOPLE, 2, is_prepared=True) for name in ("rules", "ceiling")]
    files = [stage.folder / f"{crowd.name}.json" for crowd in crowds]
    for crowd, file in zip(crowds, files, strict=True):
        await seed(stage.stores.database_url, stage.folder / "kek", crowd)
        crowd.write_called(file)
    rows: list[Row] = []
    notes: list[str] = []
    async with (
        stage.server("rules") as server,
        helping("tests.bench.crowd_client", BENCH_TOKEN=stage.backend()) as client,
        helping("tests.bench.changes_sql", **stage.ceiling_settings()) as direct,
    ):

        async def service(method: str, calls: int) -> Answer:
            before = server.tree.cpu_seconds()
            made = await _made(client, do=method, address=server.address, people=str(files[0]), calls=calls)
            return dict(made) | {"server": server.tree.cpu_seconds() - before}

        async def ceiling(method: str, calls: int) -> Answer:
            before = ProcessTree(direct.pid).cpu_seconds()
            made = await _made(direct, do=method, people=str(files[1]), calls=calls)
            return dict(made) | {"server": ProcessTree(direct.pid).cpu_seconds() - before}

        told = [0, 0]
        for method in METHODS:
            counts = []
            for place, side in enumerate((service, ceiling)):
                warm = [await side(method, WARM_UP_CALLS) for _ in range(2)][1]
                counts.append(max(int(_rate(warm) * pace.seconds) // AT_ONCE * AT_ONCE, WARM_UP_CALLS))
                told[place] += 2 * WARM_UP_CALLS + pace.rounds * counts[place]
            pairs = [(await service(method, counts[0]), await ceiling(method, counts[1])) for _ in range(pace.rounds)]
            rows += [
                _row(method, "calls/s", pairs, _rate, AIM),
                _row(method, "server CPU us/call", pairs, lambda made: made["server"] / made["calls"] * 1e6),
            ]
            notes.append(f"{method}: {pace.rounds} rounds of {counts[0]} and {counts[1]} calls; {_shares(pairs)}")
        await _check(stage, crowds, told)
    notes.append(
        f"{AT_ONCE} at once on both, {PEOPLE} people on each side and nobody with two calls at once; load from one "
        "Python process with 4 connections, since h2load sends one body only; ceiling: the service's own statements "
        "in its order, one by one, over as many connections, without gRPC, token, seals and log"
    )
    notes.append("every call was a change: there are exactly as many events as calls")
    notes.append(
        "the service's figures of SetAiReferenceEnabled include what each opt-in leaves to do behind its answer: two "
        "statements that find the reference ready, as it is for all people here"
    )
    return Report("rules", tuple(rows), tuple(notes))


async def _made(helper: Helper, **question: str | int) -> Answer:
    made = await helper.ask(**question, at_once=AT_ONCE)
    if made["wrong"]:
        raise WrongAnswersError(f"{made['wrong']:.0f} of {made['calls']:.0f} calls")
    return made


async def _check(stage: Stage, crowds: Sequence[Crowd], told: Sequence[int]) -> None:
    connection = await asyncpg.connect(stage.stores.database_url)
    try:
        for crowd, wanted in zip(crowds, told, strict=True):
            query = "SELECT count(*) FROM events WHERE user_id LIKE $1"
            count = await connection.fetchval(query, f"user-{crowd.name}-%")
            if count != wanted:
                raise WrongAnswersError(f"{wanted} changes by {crowd.name}, {count} events")
    finally:
        await connection.close()


def _rate(made: Answer) -> float:
    return made["calls"] / made["seconds"]


def _row(
    what: str, unit: str, pairs: Sequence[_Pair], figure: Callable[[Answer], float], aim: Aim | None = None
) -> Row:
    ours, theirs = (Series(tuple(figure(pair[side]) for pair in pairs)) for side in (0, 1))
    return Row(what, unit, ours, theirs, aim)


def _shares(pairs: Sequence[_Pair]) -> str:
    server, client, direct = (
        Series(tuple(pair[side][name] / pair[side]["seconds"] for pair in pairs)).median
        for side, name in ((0, "server"), (0, "cpu"), (1, "server"))
    )
    return f"of one core the server used {server:.0%}, its client {client:.0%}, the ceiling {direct:.0%}"
