"""Processes that do the clients' and the ceilings' work, so that it costs the measured process nothing.

A helper reads one JSON object a line and answers each with one. It ends when its input does, so with us in any case.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager

Question = Mapping[str, str | int]
Answer = Mapping[str, float]


class HelperEndedError(Exception):
    """A helper failed; what it says of it stands on stderr."""


class Helper:
    """A running helper. One question at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ask(self, **question: str | int) -> Answer:
        """Hand over one question and wait for its answer. Raises HelperEndedError."""
        if self._process.stdin is None or self._process.stdout is None:
            raise HelperEndedError
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise HelperEndedError
        answer: Answer = json.loads(line)
        return answer


@asynccontextmanager
async def helping(module: str, **settings: str) -> AsyncIterator[Helper]:
    """Run ``python -m MODULE`` as a helper, with these variables of the environment beside our own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        stdin=PIPE,
        stdout=PIPE,
        env=os.environ | settings,
        start_new_session=True,  # Ctrl-C reaches us alone, and we end it
    )
    try:
        yield Helper(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def questions() -> Iterator[dict[str, str]]:
    """In a helper: give the questions as they come, every value as text."""
    for line in sys.stdin:
        yield {name: str(value) for name, value in json.loads(line).items()}


def answer(**figures: float) -> None:
    """In a helper: answer the question at hand."""
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()
