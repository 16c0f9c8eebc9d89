"""The command line as a process: its output where nobody looks, its sentences, its exit statuses."""

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.domain.callers import Scope
from tests.conftest import Served
from tests.dev_process import environment
from tests.people import new_user_id
from tests.pictures import jpeg, png, text
from tests.tokens import Issuer

RUN_SECONDS = 60.0


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it wrote."""

    status: int | None
    out: str
    err: str


Run = Callable[..., Awaitable[Said]]


@pytest.fixture
def variables(served: Served, issuer: Issuer) -> dict[str, str]:
    """What `make run` would write for a person of this test."""
    user_id = new_user_id()
    return {
        "ME_IMAGES_ADDRESS": served.address,
        "ME_IMAGES_USER_ID": user_id,
        "ME_IMAGES_USER_TOKEN": issuer.user(user_id),
        "ME_IMAGES_SERVICE_TOKEN": issuer.service(*Scope),
    }


WITH_CTRL_C = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from meimage.cli import main
main()
"""
"""Whoever runs the tests in the background of a shell has SIGINT ignored, and so all that they start."""


async def start(folder: Path, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WITH_CTRL_C, *words),
        cwd=folder,
        env=environment() | {"TERM": "xterm-256color", "COLUMNS": "120"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.fixture
def me_images(tmp_path: Path, variables: dict[str, str]) -> Run:
    """Run a command in a folder that has a `.data/dev.env`, and photos."""
    (tmp_path / ".data").mkdir()
    (tmp_path / ".data" / "dev.env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    (tmp_path / "photos" / "more").mkdir(parents=True)
    (tmp_path / "photos" / "one.jpg").write_bytes(jpeg(320, 240))
    (tmp_path / "photos" / "more" / "two.PNG").write_bytes(png())
    (tmp_path / "note.txt").write_bytes(text())

    async def run(*words: str) -> Said:
        process = await start(tmp_path, *words)
        async with asyncio.timeout(RUN_SECONDS):
            out, err = await process.communicate()
        return Said(process.returncode, out.decode(), err.decode())

    return run


async def test_a_day_with_it(me_images: Run, tmp_path: Path) -> None:
    made = await me_images("upload", "photos", "--kind", "face", "--label", "a <b> \x1b[31m", "--tag", "one")
    assert (made.status, made.err) == (0, "")
    assert "\x1b" not in made.out
    ids = [line.split("  ")[0] for line in made.out.splitlines()]
    assert len(ids) == 2
    listed = await me_images("list")
    assert [line.split("\t")[0] for line in listed.out.splitlines()] == ids[::-1]
    assert "\x1b" not in listed.out
    first, second = (each[:8] for each in ids)
    assert (await me_images("set-primary", "face-ref", first)).out == f"{first} holds face-ref, which was empty.\n"
    assert (await me_images("allow-ai", first, second)).status == 0
    assert (await me_images("deny-ai", second)).out == f"AI may not use {second}.\n"
    released = await me_images("release", "--generator", "openai/gpt-image-2", "-o", "out")
    assert released.status == 0, released.err
    assert json.loads((tmp_path / "out" / "release.json").read_text())["images"][0]["me_image_id"] == ids[0]
    assert (tmp_path / "out" / f"01-{first}.png").read_bytes().startswith(b"\x89PNG")
    ledger = (await me_images("ledger")).out.splitlines()
    assert [line.split("\t")[2] for line in ledger] == ["released", "permission withdrawn", "AI allowed", "AI allowed"]
    assert (await me_images("ledger", "--verify")).out.startswith("The ledger is unbroken: 4 entries")
    assert (await me_images("download", first, "-o", "back.jpg")).status == 0
    assert (tmp_path / "back.jpg").read_bytes() == (tmp_path / "photos" / "more" / "two.PNG").read_bytes()
    assert (await me_images("delete", second)).status == 0
    assert (await me_images("undelete", second)).status == 0
    shown = json.loads((await me_images("show", second, "--json")).out)
    assert shown["me_image_id"] == ids[1]


async def test_the_contact_sheet_needs_nothing_else(me_images: Run, tmp_path: Path) -> None:
    await me_images("upload", "photos/one.jpg", "--label", "<script>alert(1)</script>", "--slot", "avatar", "--ai")
    assert (await me_images("pause-ai")).status == 0
    assert (await me_images("contact-sheet", "-o", "sheet.html")).status == 0
    page = (tmp_path / "sheet.html").read_text("utf-8")
    assert "&lt;script&gt;" in page
    assert "data:image/webp;base64,UklGR" in page
    assert "All AI use is paused" in page
    assert ">avatar<" in page
    for outside in ("<script", "http://", "https://", "<link", "url("):
        assert outside not in page


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ("show 00000000-0000-4000-8000-000000000000", 3, "(ME_IMAGE_NOT_FOUND)."),
        ("show abcd", 3, "No me-image has an id that begins with 'abcd'"),
        ("--user somebody list", 4, "(PERMISSION_DENIED)."),
        ("release --generator openai/gpt-image-2 -o out", 5, "(CONSENT_NOT_GIVEN)."),
        ("release --generator nobody -o out", 1, "(UNKNOWN_GENERATOR)."),
        ("release --generator openai/gpt-image-2", 2, "-o FOLDER"),
        ("upload note.txt", 1, "(UNSUPPORTED_MEDIA_TYPE)."),
        ("upload missing.jpg", 2, "No such file or directory: missing.jpg."),
        ("upload .data", 2, "There are no photos in .data."),
        ("--address 127.0.0.1:1 list", 2, "ME_IMAGES_USER_ID is not set"),
        ("watch --resume nonsense", 1, "(INVALID_RESUME_TOKEN)."),
    ],
)
async def test_what_goes_wrong_is_a_sentence_and_a_status(
    me_images: Run, words: str, status: int, sentence: str
) -> None:
    said = await me_images(*words.split())
    assert (said.status, said.out) == (status, "")
    assert said.err.startswith("me-images: ")
    assert said.err.count("\n") == 1
    assert sentence in said.err


async def test_a_server_that_is_away(me_images: Run, tmp_path: Path, variables: dict[str, str]) -> None:
    settings = variables | {"ME_IMAGES_ADDRESS": "127.0.0.1:1"}
    (tmp_path / ".data" / "dev.env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    said = await me_images("list")
    assert (said.status, said.err) == (6, "me-images: The server cannot be reached (UNAVAILABLE).\n")


async def test_one_bad_photo_does_not_stop_the_others(me_images: Run) -> None:
    said = await me_images("upload", "note.txt", "photos")
    assert said.status == 1
    assert said.err.startswith("me-images: note.txt: ")
    assert len(said.out.splitlines()) == 2


async def test_ctrl_c_ends_a_watch_with_130(me_images: Run, tmp_path: Path) -> None:
    watch = await start(tmp_path, "watch", "--json", "--resume", "")
    assert watch.stdout is not None
    try:
        while True:  # from now on means from when it is connected: until then nothing is told
            await me_images("upload", "photos/one.jpg")
            try:
                async with asyncio.timeout(2):
                    told = json.loads(await watch.stdout.readline())
                break
            except TimeoutError:
                continue
        assert told["event"]["added"]["kind"] == "KIND_REFERENCE"
    finally:
        watch.send_signal(signal.SIGINT)
    async with asyncio.timeout(20):
        _, err = await watch.communicate()
    assert (watch.returncode, err.strip()) == (130, b"")


async def test_a_terminal_gets_a_table_with_thumbnails(me_images: Run, tmp_path: Path) -> None:
    await me_images("upload", "photos/one.jpg", "--label", "me")
    for term, begins in (("xterm-kitty", "\x1b_Ga=T,f=100"), ("foot", '\x1bPq"1;1;'), ("xterm-256color", "")):
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "meimage.cli", "list"),
            cwd=tmp_path,
            env={name: value for name, value in environment().items() if name != "TMUX"}
            | {"TERM": term, "COLUMNS": "100"},
            stdout=theirs,
        )
        os.close(theirs)
        written = await asyncio.to_thread(_all, ours)
        assert await process.wait() == 0
        assert "label" in written
        assert "\x1b[1m" in written, "heads are bold"
        assert begins in written
        assert bool(begins) == ("\x1b7" in written)


def _all(terminal: int) -> str:
    parts = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()
