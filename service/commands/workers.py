"""Several server processes on one port: started together, replaced when one is killed, stopped together."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

RESTART_SECONDS = 1.0
STOP_SECONDS = 30.0


EnvironmentOf = Callable[[int], Mapping[str, str]]
"""What a worker is told beyond our own environment, by its number from 0."""


async def supervise(count: int, environment: EnvironmentOf, stop: asyncio.Event) -> int:
    """Keep ``count`` workers running until ``stop``; return 0, or the status of workers that cannot even start."""
    tasks = [asyncio.create_task(_keep_running(number, environment, stop)) for number in range(count)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.wait(tasks)
    return max(task.result() for task in tasks)


async def _keep_running(number: int, environment: EnvironmentOf, stop: asyncio.Event) -> int:
    """Replace a worker that a signal ended; one that ends by itself has said why, and would say it again."""
    while not stop.is_set():
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "serve"),
            stdin=asyncio.subprocess.PIPE,
            env=os.environ | environment(number),
            start_new_session=True,
        )
        status = await _until_end(worker, stop)
        if stop.is_set():
            return 0 if status in {0, -signal.SIGTERM} else 1
        if status >= 0:
            return status or 1
        structlog.get_logger().error("worker replaced", worker=number, signal=-status)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), RESTART_SECONDS)
    return 0


async def _until_end(worker: asyncio.subprocess.Process, stop: asyncio.Event) -> int:
    ending = asyncio.create_task(worker.wait())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            worker.terminate()
            try:
                await asyncio.wait_for(asyncio.shield(ending), STOP_SECONDS)
            except TimeoutError:
                worker.kill()
        return await ending
    finally:
        stopping.cancel()
