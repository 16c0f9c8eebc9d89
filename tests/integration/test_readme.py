"""The README is true: its tour runs word for word and answers in the shape that it shows."""

import shutil
from pathlib import Path

import pytest

from service.variables import settings_table
from tests.dev_process import ROOT, dev_running, environment
from tests.pictures import jpeg
from tests.shell_page import run_page, steps_of


@pytest.mark.skipif(
    shutil.which("grpcurl", path=environment()["PATH"]) is None,
    reason="GRPCURL IS MISSING: the README's tour was not run",
)
async def test_the_tour_runs_word_for_word(tmp_path: Path) -> None:
    (tmp_path / "me.jpg").write_bytes(jpeg(1200, 800, orientation=6))
    async with dev_running(tmp_path):
        text = (ROOT / "README.md").read_text("utf-8").split("## A five-minute tour")[1].split("\n## ")[0]
        steps = list(steps_of(text))
        await run_page(steps, tmp_path)
        assert (tmp_path / "thumbnail.webp").read_bytes()[8:12] == b"WEBP"
        assert (tmp_path / "reference.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(steps) == 12


def test_the_table_of_settings_is_that_of_the_code() -> None:
    assert settings_table() in (ROOT / "README.md").read_text("utf-8")
