"""The command line: ``python -m tests.bench [--quick] [--rows N] [--json FILE] [BENCH ...]``."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import grpc

from service.adapters.embedded import EmbeddedStoreError
from tests.bench.calls import get, latency, list_ten
from tests.bench.download import download
from tests.bench.figures import Report
from tests.bench.helper import HelperEndedError
from tests.bench.load import WrongAnswersError
from tests.bench.memory import memory
from tests.bench.pace import FULL, QUICK, Pace
from tests.bench.release import release
from tests.bench.rules import rules
from tests.bench.saturated import saturated
from tests.bench.scale import SMALL, scale
from tests.bench.stage import Stage, staged
from tests.bench.table import as_json, table
from tests.bench.upload import upload
from tests.bench.watch import watch

BENCHES: Mapping[str, Callable[[Stage, Pace], Awaitable[Report]]] = {
    "get": get,
    "list": list_ten,
    "latency": latency,
    "upload": upload,
    "download": download,
    "release": release,
    "memory": memory,
    "saturated": saturated,
    "rules": rules,
    "watch": watch,
    "scale": scale,
}


def main() -> None:
    """Run what was asked for, print the table. Ctrl-C stops everything that was started."""
    arguments = _arguments()
    pace = QUICK if arguments.quick else FULL
    pace = replace(pace, rows=arguments.rows or pace.rows)
    try:
        reports, failed = asyncio.run(_run(arguments.benches or list(BENCHES), pace))
    except KeyboardInterrupt:
        sys.exit("stopped")
    sys.stdout.write(f"{_machine()}\n\n{table(reports)}")
    if arguments.json:
        arguments.json.write_text(as_json(reports, asdict(pace)), "utf-8")
    if failed:
        sys.exit(f"failed, and so without figures: {', '.join(failed)}")


async def _run(names: Sequence[str], pace: Pace) -> tuple[list[Report], list[str]]:
    """Return the reports, and the names of benches that could not be measured: they leave the others theirs."""
    reports, failed = [], []
    with tempfile.TemporaryDirectory(prefix="me-images-bench-") as folder:
        _tell("starting PostgreSQL and the S3 store")
        async with staged(Path(folder)) as stage:
            for name in names:
                started = time.monotonic()
                try:
                    reports.append(await BENCHES[name](stage, pace))
                except (WrongAnswersError, HelperEndedError, EmbeddedStoreError, grpc.aio.AioRpcError) as error:
                    _tell(f"{name}: {type(error).__name__}: {error}")
                    failed.append(name)
                _tell(f"{name}: {time.monotonic() - started:.0f} s")
    return reports, failed


def _machine() -> str:
    """What the figures depend on: others' load on the machine above all."""
    minute, five, _ = os.getloadavg()
    return f"{os.cpu_count()} cores; load in the last minute {minute:.1f}, in the last five {five:.1f}"


def _tell(news: str) -> None:
    sys.stderr.write(f"{news}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure the service beside bare ceilings, on this machine, over loopback alone.",
    )
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"some of: {', '.join(BENCHES)}; left out: all")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: a glance, not a proof")
    parser.add_argument("--rows", type=int, metavar="N", help="me-images in the larger tables of scale, 10,000 or more")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round of every figure there, too")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.benches if name not in BENCHES]
    if unknown:
        parser.error(f"no such bench: {', '.join(unknown)}")
    if arguments.rows is not None and arguments.rows < SMALL:
        parser.error(f"--rows is {SMALL} or more")
    return arguments


if __name__ == "__main__":
    main()
