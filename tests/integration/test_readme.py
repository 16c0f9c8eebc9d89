"""The README is true: its tour runs word for word and answers in the shape that it shows."""

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.config import settings_table
from tests.dev_process import ROOT, dev_running, environment
from tests.pictures import jpeg

STEP_SECONDS = 60.0
_BLOCK = re.compile(r"```(sh|json|text)\n(.*?)```", re.DOTALL)
_END = "---end-of-step---"


@dataclass(frozen=True)
class Step:
    """Commands of the tour, and the output that the README shows below them, if any."""

    commands: str
    shown: str


def tour() -> Iterator[Step]:
    text = (ROOT / "README.md").read_text("utf-8").split("## A five-minute tour")[1].split("\n## ")[0]
    blocks = _BLOCK.findall(text)
    for (kind, commands), (next_kind, shown) in zip(blocks, [*blocks[1:], ("sh", "")], strict=True):
        if kind == "sh":
            yield Step(commands, "" if next_kind == "sh" else shown)


def shape(text: str) -> object:
    """What of an output is the same each time: of JSON the structure, of anything else the words without ids."""
    try:
        return _structure(json.loads(text))
    except ValueError:
        return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", " ".join(text.split()))


def _structure(value: object) -> object:
    if isinstance(value, dict):
        return {name: _structure(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_structure(inner) for inner in value]
    return type(value).__name__


@pytest.mark.skipif(
    shutil.which("grpcurl", path=environment()["PATH"]) is None,
    reason="GRPCURL IS MISSING: the README's tour was not run",
)
async def test_the_tour_runs_word_for_word(tmp_path: Path) -> None:
    (tmp_path / "me.jpg").write_bytes(jpeg(1200, 800, orientation=6))
    async with dev_running(tmp_path):
        shell = await asyncio.create_subprocess_exec(
            "bash",
            cwd=tmp_path,
            env=environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert shell.stdin is not None
        assert shell.stdout is not None
        steps = list(tour())
        for step in steps:
            shell.stdin.write(f"{step.commands}\necho; echo {_END}\n".encode())
            async with asyncio.timeout(STEP_SECONDS):
                output = (await shell.stdout.readuntil(f"{_END}\n".encode())).decode().removesuffix(f"{_END}\n")
            if step.shown:
                assert shape(output) == shape(step.shown)
        shell.stdin.close()
        assert await shell.wait() == 0
        assert (tmp_path / "thumbnail.webp").read_bytes()[8:12] == b"WEBP"
        assert (tmp_path / "reference.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(steps) == 12


def test_the_table_of_settings_is_that_of_the_code() -> None:
    assert settings_table() in (ROOT / "README.md").read_text("utf-8")
