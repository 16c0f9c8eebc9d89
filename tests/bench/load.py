"""Unary load on one method: h2load where it is installed, else Python processes."""

import asyncio
import re
import resource
import shutil
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bench.figures import framed, percentile
from tests.bench.helper import Helper, helping

CALLER_PROCESSES = 2
H2LOAD = "h2load"
MISSING = (
    "h2load is missing (Debian and Ubuntu: package nghttp2-client): Python clients make the load instead. They need "
    "more CPU than a server does, so both sides are held back and the ratios are flattered"
)
_RATE = re.compile(r"finished in [\d.]+m?s, ([\d.]+) req/s")
_COUNTS = re.compile(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout")
_DATA = re.compile(r"\((\d+)\) data")


class WrongAnswersError(Exception):
    """Some calls did not get the answer that the same call got before."""


@dataclass(frozen=True)
class Target:
    """One unary call, repeated. ``answer_bytes`` is the size of the only right answer, without framing."""

    address: str
    method: str
    token: str
    request: bytes
    answer_bytes: int


@dataclass(frozen=True)
class Shape:
    """How calls come: so many in all, over so many connections, each with so many at once."""

    calls: int
    connections: int
    streams: int


@dataclass(frozen=True)
class Loaded:
    """What one run of load found. Latencies in microseconds; ``client_cpu`` in seconds, of all client processes."""

    calls_per_second: float
    client_cpu: float
    p50: float
    p99: float


class Loader(Protocol):
    """Makes load. Every method raises WrongAnswersError unless every single call got the right answer."""

    async def load(self, target: Target, shape: Shape) -> Loaded:
        """Make ``shape.calls`` calls as fast as they are answered."""
        ...


class H2Load:
    """Counts answers by their bytes, since h2load takes any HTTP status 200, so any gRPC status, for a success."""

    async def load(self, target: Target, shape: Shape) -> Loaded:
        """See Loader."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with tempfile.TemporaryDirectory() as folder:
            output = await _run(_command(target, shape, Path(folder)))
            log = await asyncio.to_thread(Path(folder, "log").read_text, "ascii")
        latencies = [float(line.split("\t")[2]) for line in log.splitlines()]  # start in us, HTTP status, us
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        rate, counts, data = _RATE.search(output), _COUNTS.search(output), _DATA.search(output)
        if not (rate and counts and data):
            raise WrongAnswersError(f"h2load says: {output}")
        wanted = shape.calls * (5 + target.answer_bytes)
        if int(counts[1]) != shape.calls or int(data[1]) != wanted:
            raise WrongAnswersError(f"{counts[0]} of {shape.calls}; {data[1]} bytes of answers and not {wanted}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Loaded(float(rate[1]), cpu, percentile(latencies, 0.5), percentile(latencies, 0.99))


class Callers:
    """Python processes with a share of the connections each; one alone where there is one connection."""

    def __init__(self, helpers: Sequence[Helper]) -> None:
        self._helpers = helpers

    async def load(self, target: Target, shape: Shape) -> Loaded:
        """See Loader."""
        helpers = self._helpers[: shape.connections]
        questions = [
            helper.ask(
                do="call",
                address=target.address,
                method=target.method,
                token=target.token,
                request=target.request.hex(),
                answer_bytes=target.answer_bytes,
                calls=shape.calls // len(helpers),
                at_once=shape.connections * shape.streams // len(helpers),
            )
            for helper in helpers
        ]
        answers = await asyncio.gather(*questions)
        if any(answer["wrong"] for answer in answers):
            raise WrongAnswersError(f"{sum(answer['wrong'] for answer in answers):.0f} of {shape.calls} calls")
        rate = sum(answer["calls"] for answer in answers) / max(answer["seconds"] for answer in answers)
        latency = [max(answer[name] for answer in answers) for name in ("p50", "p99")]
        return Loaded(rate, sum(answer["cpu"] for answer in answers), latency[0], latency[1])


@asynccontextmanager
async def loader() -> AsyncIterator[tuple[Loader, str]]:
    """Give the best loader there is, and a sentence about it."""
    if shutil.which(H2LOAD):
        yield H2Load(), "load from h2load, one thread"
        return
    async with AsyncExitStack() as stack:
        helpers = [await stack.enter_async_context(helping("tests.bench.client")) for _ in range(CALLER_PROCESSES)]
        yield Callers(helpers), MISSING


def _command(target: Target, shape: Shape, folder: Path) -> list[str]:
    body = folder / "body"
    body.write_bytes(framed(target.request))
    headers = (f"authorization: Bearer {target.token}", "content-type: application/grpc", "te: trailers")
    words = [H2LOAD, f"-n{shape.calls}", f"-c{shape.connections}", f"-m{shape.streams}", "-t1", f"--data={body}"]
    words += [f"--log-file={folder / 'log'}", *(f"--header={header}" for header in headers)]
    return [*words, f"http://{target.address}{target.method}"]


async def _run(command: Sequence[str]) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT, start_new_session=True)
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode()
