"""Pages of commands that are true: a shell runs them word for word, and answers in the shape that they show."""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.dev_process import environment

STEP_SECONDS = 60.0
_BLOCK = re.compile(r"```(sh|json|text)\n(.*?)```", re.DOTALL)
_END = "---end-of-step---"


@dataclass(frozen=True)
class Step:
    """Commands of a page, and the output that it shows below them, if any."""

    commands: str
    shown: str


def steps_of(page: str) -> Iterator[Step]:
    """Give the steps of a page: each block of commands with the output that follows it."""
    blocks = _BLOCK.findall(page)
    for (kind, commands), (next_kind, shown) in zip(blocks, [*blocks[1:], ("sh", "")], strict=True):
        if kind == "sh":
            yield Step(commands, "" if next_kind == "sh" else shown)


async def run_page(steps: Sequence[Step], folder: Path) -> None:
    """Run all steps in one shell, in a folder where the development server runs; fail where an answer differs."""
    shell = await asyncio.create_subprocess_exec(
        "bash",
        cwd=folder,
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=64 * 1024 * 1024,
    )
    assert shell.stdin is not None
    assert shell.stdout is not None
    for step in steps:
        shell.stdin.write(f"{step.commands}\necho; echo {_END}\n".encode())
        async with asyncio.timeout(STEP_SECONDS):
            output = (await shell.stdout.readuntil(f"{_END}\n".encode())).decode().removesuffix(f"{_END}\n")
        if step.shown:
            assert shape(output) == shape(step.shown), step.commands
    shell.stdin.close()
    assert await shell.wait() == 0


def shape(text: str) -> object:
    """What of an output is the same each time: of JSON the structure, of anything else the words without ids.

    A stream is several JSON values, one after the other.
    """
    decoder, rest, values = json.JSONDecoder(), text.strip(), list[object]()
    try:
        while rest:
            value, end = decoder.raw_decode(rest)
            values.append(_structure(value))
            rest = rest[end:].strip()
    except ValueError:
        return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", " ".join(text.split()))
    return values


def _structure(value: object) -> object:
    if isinstance(value, dict):
        return {name: _structure(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_structure(inner) for inner in value]
    return type(value).__name__
