"""`python -m service dev` as a person runs it: a process of its own, in a folder of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
START_SECONDS, STOP_SECONDS = 60.0, 30.0


@dataclass
class DevProcess:
    """A running development server. ``said`` is what it has printed so far."""

    process: asyncio.subprocess.Process
    folder: Path
    said: str

    @property
    def variables(self) -> dict[str, str]:
        """What it wrote for scripts."""
        lines = (self.folder / ".data" / "dev.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    async def interrupt(self) -> int:
        """Press Ctrl-C and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(STOP_SECONDS):
            return await self.process.wait()


def environment() -> dict[str, str]:
    """Return an environment in which the service can be imported, and nothing is set for it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ME_IMAGES_")}
    path = f"{Path(sys.executable).parent}:{kept.get('PATH', '')}"
    return kept | {"PATH": path, "PYTHONPATH": f"{ROOT}:{ROOT / 'clients' / 'python'}"}


async def service(*command: str, folder: Path, **variables: str) -> asyncio.subprocess.Process:
    """Start a command of the service, its output and errors readable."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", *command),
        cwd=folder,
        env=environment() | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process, seconds: float = START_SECONDS) -> tuple[int | None, str, str]:
    """Wait for a command that ends by itself; return its status and all that it wrote."""
    async with asyncio.timeout(seconds):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def dev_running(folder: Path) -> AsyncIterator[DevProcess]:
    """Run the development server until the block ends."""
    with (folder / "log.jsonl").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "dev"),
            cwd=folder,
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    dev = DevProcess(process, folder, "")
    try:
        async with asyncio.timeout(START_SECONDS):
            while "The log follows" not in dev.said:
                line = await process.stdout.readline()
                assert line, f"ended before it served: {(folder / 'log.jsonl').read_text()}"
                dev.said += line.decode()
        yield dev
    finally:
        if process.returncode is None:
            await dev.interrupt()
