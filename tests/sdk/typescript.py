"""The TypeScript client made ready for tests: its packages installed, its programs compiled."""

import os
import subprocess
import sys
from functools import cache

import pytest

from tests.dev_process import ROOT

CLIENT = ROOT / "clients" / "typescript"
BUN = CLIENT / "node_modules" / ".bin" / "bun"
RUN_SECONDS = 300
_NODE_IS_MISSING = 3
"""The exit status of .ci/node.py."""


@cache
def _installed() -> str:
    """Install what the lock file pins. Returns why that cannot be, nothing where it could."""
    command = [sys.executable, str(ROOT / ".ci" / "node.py")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - the words are ours
    assert done.returncode in {0, _NODE_IS_MISSING}, done.stderr
    return done.stderr.strip() if done.returncode else ""


def installed() -> None:
    """Install what the lock file pins, or skip the test that asks for it, so that the summary says so."""
    if why := _installed():
        pytest.skip(f"TYPESCRIPT IS MISSING: {why}")


@cache
def compiled() -> None:
    """Compile the client, its tests and the runner of the scenario into `build`, or skip."""
    installed()
    run("node_modules/.bin/tsc", "-p", "tsconfig.test.json")


def run(*command: str, **variables: str) -> str:
    """Run a program in the client's folder and return what it wrote. Fails where it does."""
    done = subprocess.run(  # noqa: S603 - the words are ours
        command,
        check=False,
        cwd=CLIENT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr
