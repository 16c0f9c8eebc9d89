"""GetMeImage while as many uploads as there are places for arrive, decode and are stored; beside the same when idle."""

import asyncio

import grpc
from meimage.v1 import me_image_service_pb2 as pb

from tests.bench.figures import Report, Row, Series
from tests.bench.helper import Answer, Helper, helping
from tests.bench.load import WrongAnswersError
from tests.bench.pace import Pace
from tests.bench.sides import GET
from tests.bench.stage import Server, Stage
from tests.people import face, person
from tests.pictures import jpeg

UPLOADS = 16
CALLS = 100


async def saturated(stage: Stage, pace: Pace) -> Report:
    """Latencies of reads, one at a time, in microseconds."""
    idle: list[Answer] = []
    busy: list[Answer] = []
    refused = 0.0
    async with (
        stage.server("saturated") as server,
        helping("tests.bench.client") as reader,
        helping("tests.bench.client") as uploader,
    ):
        ask = await _question(stage, server)
        for _ in range(pace.rounds):
            idle.append(await _read(reader, ask))
            uploading = asyncio.create_task(_upload(stage, server, uploader))
            while not uploading.done():
                busy.append(await _read(reader, ask))
            refused += (await uploading)["refused"]
    rows = [
        Row(f"GetMeImage {name}", f"us, {UPLOADS} uploads at once", _series(busy, name), None)
        for name in ("p50", "p99")
    ]
    rows += [Row(f"GetMeImage {name}", "us, idle", _series(idle, name), None) for name in ("p50", "p99")]
    rows.append(Row("uploads refused", f"of {UPLOADS * pace.rounds}", Series((refused,))))
    note = f"{pace.rounds} rounds of {UPLOADS} uploads of 5 MB; {len(busy)} times {CALLS} reads, one after another"
    return Report("saturated", tuple(rows), (note,))


async def _question(stage: Stage, server: Server) -> dict[str, str | int]:
    """Return the read that is made, after making what it reads."""
    someone = stage.somebody()
    async with grpc.aio.insecure_channel(server.address) as channel:
        me = person(channel, someone.token, someone.user_id)
        made = (await me.upload(jpeg(640, 480), face("at the lake"))).me_image.me_image_id
        answer = pb.GetMeImageResponse(me_image=await me.get(made))
    request = pb.GetMeImageRequest(user_id=someone.user_id, me_image_id=made)
    return {
        "do": "call",
        "address": server.address,
        "method": GET,
        "token": someone.token,
        "request": request.SerializeToString().hex(),
        "answer_bytes": answer.ByteSize(),
        "calls": CALLS,
        "at_once": 1,
    }


async def _read(reader: Helper, ask: dict[str, str | int]) -> Answer:
    answer = await reader.ask(**ask)
    if answer["wrong"]:
        raise WrongAnswersError(f"{answer['wrong']:.0f} of {CALLS} reads")
    return answer


async def _upload(stage: Stage, server: Server, uploader: Helper) -> Answer:
    """Upload for somebody new."""
    someone = stage.somebody()
    return await uploader.ask(
        do="upload",
        address=server.address,
        token=someone.token,
        user_id=someone.user_id,
        photo=str(stage.photo),
        count=UPLOADS,
        at_once=UPLOADS,
    )


def _series(answers: list[Answer], name: str) -> Series:
    return Series(tuple(answer[name] for answer in answers))
