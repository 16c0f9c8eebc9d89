"""GetMeImage and ListMeImages with many me-images in the tables beside the same calls with few."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from service.adapters.postgres.migrate import migrate
from tests.bench.figures import Aim, Report, Row, Series
from tests.bench.helper import Answer, Helper, helping
from tests.bench.load import WrongAnswersError
from tests.bench.pace import Pace
from tests.bench.seed import Crowd, seed
from tests.bench.stage import Stage

METHODS = ("GetMeImage", "ListMeImages")
SMALL, ME_IMAGES = 10_000, 10
CALLED = SMALL // ME_IMAGES
AT_ONCE = 4
AIM = Aim(1.3, at_least=False)


async def scale(stage: Stage, pace: Pace) -> Report:
    """Latency over many rows and over few, as a ratio; the same thousand people are called on both sides."""
    rows: list[Row] = []
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(helping("tests.bench.crowd_client", BENCH_TOKEN=stage.backend()))
        large = await stack.enter_async_context(_serving(stage, "large", pace.rows))
        small = await stack.enter_async_context(_serving(stage, "small", SMALL))
        for method in METHODS:
            for side in (large, small):
                await _called(client, "ListMeImages", side, CALLED)
                await _called(client, method, side, pace.read_calls)
            pairs = [
                (
                    await _called(client, method, large, pace.read_calls),
                    await _called(client, method, small, pace.read_calls),
                )
                for _ in range(pace.rounds)
            ]
            for figure in ("p50", "p99"):
                ours, theirs = (Series(tuple(pair[side][figure] for pair in pairs)) for side in (0, 1))
                what = f"{method} {figure}, {pace.rows:,} : {SMALL:,} rows"
                rows.append(Row(what, f"us, {AT_ONCE} at once", ours, theirs, AIM if figure == "p99" else None))
    notes = (
        f"service: {pace.rows:,} me-images of {pace.rows // ME_IMAGES:,} people; bare ceiling here: the service, too, "
        f"with {SMALL:,}; a database and a server each on one PostgreSQL",
        f"{pace.rounds} rounds of {pace.read_calls} calls each, in turns, for {CALLED} people all over the tables; one "
        "Python client; all were called before, so rows are in memory, if not in PostgreSQL's own",
        f"loading, with ANALYZE: {large[2]:.0f} s and {small[2]:.0f} s; the databases have {large[3]:,.0f} and "
        f"{small[3]:,.0f} MB",
    )
    return Report("scale", tuple(rows), notes)


_Serving = tuple[str, Path, float, float]
"""The address, who can be called, seconds of loading, megabytes."""


@asynccontextmanager
async def _serving(stage: Stage, name: str, rows: int) -> AsyncIterator[_Serving]:
    """Run a server on a database with so many rows while the context is open; the database is dropped then."""
    people = rows // ME_IMAGES
    crowd, file = Crowd("scale", people, ME_IMAGES, called_every=people // CALLED), stage.folder / f"{name}.json"
    await asyncio.to_thread(crowd.write_called, file)
    async with _database(stage.stores.database_url, f"bench_{name}") as url:
        started = time.monotonic()
        await migrate(url)
        await seed(url, stage.folder / "kek", crowd)
        seconds, size = time.monotonic() - started, await _megabytes(url)
        async with replace(stage, stores=replace(stage.stores, database_url=url)).server(name) as server:
            yield server.address, file, seconds, size


@asynccontextmanager
async def _database(url: str, name: str) -> AsyncIterator[str]:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


async def _megabytes(url: str) -> float:
    connection = await asyncpg.connect(url)
    try:
        return float(await connection.fetchval("SELECT pg_database_size(current_database())")) / 1e6
    finally:
        await connection.close()


async def _called(client: Helper, method: str, side: _Serving, calls: int) -> Answer:
    made = await client.ask(do=method, address=side[0], people=str(side[1]), calls=calls, at_once=AT_ONCE)
    if made["wrong"]:
        raise WrongAnswersError(f"{made['wrong']:.0f} of {made['calls']:.0f} calls")
    return made
