"""In a helper: one call after the other for person after person, every worker with people of its own."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import asyncpg
import grpc

from tests.bench.figures import percentile

Work = Callable[[Sequence[str], int], Awaitable[bool]]
"""Does something for a person, whose ids are given with how often it was done before; says whether all was right."""


class Crowded:
    """The people of a file (see Crowd.write_called) and how often each has had a turn."""

    def __init__(self) -> None:
        self._people: dict[str, list[list[str]]] = {}
        self._turns: dict[tuple[str, str], int] = {}

    async def drive(self, file: str, kind: str, calls: int, at_once: int, work: Work) -> dict[str, float]:
        """Do it so often. Nobody has two turns at once. Seconds by the clock, CPU seconds, latencies in us."""
        if file not in self._people:
            self._people[file] = json.loads(await asyncio.to_thread(Path(file).read_text, "utf-8"))
        people, wrong = self._people[file], 0
        latencies: list[float] = []

        async def worker(number: int) -> None:
            nonlocal wrong
            own = people[number::at_once]
            for count in range(calls // at_once):
                someone = own[count % len(own)]
                turn = self._turns.get((kind, someone[0]), 0)
                self._turns[kind, someone[0]] = turn + 1
                started = time.perf_counter()
                try:
                    right = await work(someone, turn)
                except (grpc.aio.AioRpcError, asyncpg.PostgresError) as error:
                    if not wrong:
                        sys.stderr.write(f"{kind}: {type(error).__name__}: {error}\n")
                    right = False
                latencies.append((time.perf_counter() - started) * 1e6)
                wrong += not right

        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(worker(number) for number in range(at_once)))
        seconds, used = time.perf_counter() - began, time.process_time() - cpu
        p50, p99 = (percentile(latencies, share) for share in (0.5, 0.99))
        done = float(len(latencies))
        return {"calls": done, "wrong": float(wrong), "seconds": seconds, "cpu": used, "p50": p50, "p99": p99}
