"""Resident memory of a server with its decoders: idle, warm, and with 32 uploads of 10 MiB at once."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Report, Row, Series
from tests.bench.helper import Answer, Helper, helping
from tests.bench.pace import Pace
from tests.bench.photos import ten_mebibytes
from tests.bench.processes import watched_memory
from tests.bench.stage import Server, Stage

UPLOADS = 32
WARM_UP = 4
SETTLE_SECONDS = 1.0


@dataclass(frozen=True)
class _Round:
    """MiB at each moment; seconds that all uploads took, and that the slowest took."""

    idle: float
    warm: float
    peak: float
    after: float
    seconds: float
    slowest: float
    refused: float
    samples: int


async def memory(stage: Stage, pace: Pace) -> Report:
    """Memory in MiB, of a fresh server in every round."""
    photo = stage.folder / "10mib.jpg"
    await asyncio.to_thread(lambda: photo.write_bytes(ten_mebibytes()))
    rounds = []
    async with helping("tests.bench.client") as client:
        for number in range(pace.memory_rounds):
            async with stage.server(f"memory-{number}") as server:
                rounds.append(await _round(stage, server, client, photo))
    at_once = f"{UPLOADS} uploads of 10 MiB at once"
    rows = (
        Row("idle", "MiB", Series(tuple(each.idle for each in rounds))),
        Row(f"after {WARM_UP} uploads of 5 MB", "MiB", Series(tuple(each.warm for each in rounds))),
        Row(f"peak with {at_once}", "MiB", Series(tuple(each.peak for each in rounds))),
        Row("a second later", "MiB", Series(tuple(each.after for each in rounds))),
        Row(at_once, "s until all are stored", Series(tuple(each.seconds for each in rounds))),
        Row("the slowest of them", "s", Series(tuple(each.slowest for each in rounds))),
        Row("refused, which none should be", f"of {UPLOADS}", Series(tuple(each.refused for each in rounds))),
    )
    notes = (
        f"a fresh server in each of {pace.memory_rounds} rounds; the server and its decoders, proportional resident "
        f"memory (PSS), sampled {min(each.samples for each in rounds)} times or more while the uploads ran",
        f"each of the {UPLOADS} photos has 11 megapixels and 10 MiB, no two are alike; the digest of each was compared",
    )
    return Report("memory", rows, notes)


async def _round(stage: Stage, server: Server, client: Helper, photo: Path) -> _Round:
    await asyncio.sleep(SETTLE_SECONDS)
    idle = server.tree.memory_mib()
    await _upload(stage, server, client, stage.photo, count=WARM_UP, at_once=1)
    warm = server.tree.memory_mib()
    async with watched_memory(server.tree) as peak:
        done = await _upload(stage, server, client, photo, count=UPLOADS, at_once=UPLOADS)
    await asyncio.sleep(SETTLE_SECONDS)
    return _Round(
        idle, warm, peak.mib, server.tree.memory_mib(), done["seconds"], done["slowest"], done["refused"], peak.samples
    )


async def _upload(stage: Stage, server: Server, client: Helper, photo: Path, *, count: int, at_once: int) -> Answer:
    """Upload for somebody new."""
    someone = stage.somebody()
    return await client.ask(
        do="upload",
        address=server.address,
        token=someone.token,
        user_id=someone.user_id,
        photo=str(photo),
        count=count,
        at_once=at_once,
    )
