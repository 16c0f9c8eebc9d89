"""Uploads beside decoding, thumbnail and one put done directly."""

from tests.bench.figures import Aim, Report, Row, Series
from tests.bench.helper import helping
from tests.bench.load import WrongAnswersError
from tests.bench.pace import Pace
from tests.bench.stage import Stage

WARM_UP = 2


async def upload(stage: Stage, pace: Pace) -> Report:
    """CPU seconds of an upload: of the server with its decoders, and of one process that does only the necessary."""
    cpu: tuple[list[float], list[float]] = ([], [])
    seconds: tuple[list[float], list[float]] = ([], [])
    photo, count = str(stage.photo), pace.uploads
    async with (
        stage.server("upload") as server,
        helping("tests.bench.client") as client,
        helping("tests.bench.direct", **stage.ceiling_settings()) as direct,
    ):

        async def through_service(count: int) -> float:
            someone = stage.somebody()
            uploaded = await client.ask(
                do="upload",
                address=server.address,
                token=someone.token,
                user_id=someone.user_id,
                photo=photo,
                count=count,
                at_once=1,
            )
            if uploaded["refused"]:
                raise WrongAnswersError(f"{uploaded['refused']:.0f} of {count} uploads were refused")
            return uploaded["seconds"]

        await through_service(WARM_UP)
        await direct.ask(do="store", photo=photo, count=WARM_UP)
        for _ in range(pace.rounds):
            before = server.tree.cpu_seconds()
            seconds[0].append(await through_service(count) / count)
            cpu[0].append((server.tree.cpu_seconds() - before) / count)
            done = await direct.ask(do="store", photo=photo, count=count)
            seconds[1].append(done["seconds"] / count)
            cpu[1].append(done["cpu"] / count)
    rows = (
        _row("UploadMeImage of 5 MB", "CPU s/call", cpu, Aim(1.25, at_least=False)),
        _row("UploadMeImage of 5 MB", "s, one at a time", seconds),
    )
    size = stage.photo.stat().st_size / 1e6
    notes = (
        f"{pace.rounds} rounds of {count} for both, one at a time: a JPEG of 12 megapixels and {size:.1f} MB, "
        "other bytes each time; every answer has the digest of what was sent",
        "service: CPU of the server and its decoders; ceiling: pyvips thumbnail to 320 WebP and one put of the same "
        "photo in one process",
    )
    return Report("upload", rows, notes)


def _row(what: str, unit: str, both: tuple[list[float], list[float]], aim: Aim | None = None) -> Row:
    return Row(what, unit, Series(tuple(both[0])), Series(tuple(both[1])), aim)
