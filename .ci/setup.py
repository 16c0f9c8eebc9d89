"""Makes .venv what the lock files say: `python3 .ci/setup.py` from any folder, with Python 3.11 or newer.

Does nothing, in about 50 ms, where it is that already. A .venv half made, moved or of another Python is made anew.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
READY = VENV / "ready"
"""Holds the fingerprints of what is installed; written last, so that an interrupted setup has none."""
BUILD_LOCK, DEV_LOCK = ROOT / "requirements-build.lock", ROOT / "requirements-dev.lock"
DISTRIBUTIONS = (ROOT / "clients" / "python", ROOT)


def main() -> None:
    """Set up what is missing. Exits with pip's words where pip fails."""
    wanted = [fingerprint_of_packages(), fingerprint_of_distributions()]
    if ready() == wanted:
        return
    with alone():
        present = ready()
        if present == wanted:
            return
        READY.unlink(missing_ok=True)
        if present[:1] != wanted[:1]:
            say("making .venv; with an empty cache this downloads about 200 MB")
            venv.create(VENV, clear=True, with_pip=True)
            install_packages()
        install_distributions()
        READY.write_text("\n".join(wanted), encoding="utf-8")
        say("ready")


def install_packages() -> None:
    """Install what the lock files pin."""
    # The locks are whole, so nothing is resolved: for a package that another wants with an extra, pip 23 would look at
    # the newest version, which no hash names, and give up on the day that there is one. `make check` runs `pip check`.
    locked = ("--require-hashes", "--no-deps")
    # pyvips comes as source. What builds it is pinned, too, and installed first, or pip would fetch it unpinned.
    say("installing the build tools")
    pip(*locked, "--only-binary", ":all:", "-r", str(BUILD_LOCK))
    say("installing the packages")
    pip(*locked, "--no-build-isolation", "-r", str(DEV_LOCK))


def install_distributions() -> None:
    """Install our own, which need nothing that is not there: Python and mypy find them where they are edited."""
    say("installing me-images and meimage")
    editable = [word for path in DISTRIBUTIONS for word in ("-e", str(path))]
    pip("--no-index", "--no-deps", "--no-build-isolation", "--config-settings", "editable_mode=compat", *editable)


def pip(*arguments: str) -> None:
    """Run `pip install`, showing one line for each file it gets, and all it said where it fails."""
    command = [
        str(VENV / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--progress-bar=off",
    ]
    # With a pkg-config, pyvips would be compiled against a libvips of this machine, if any, and not use its own.
    environment = os.environ | {"PKG_CONFIG": "false"}
    output = []
    with subprocess.Popen(  # noqa: S603 - the words are ours
        [*command, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            output.append(line)
            if line.strip().startswith(("Downloading", "Using cached")):
                say("  " + line.strip())
    if process.returncode != 0:
        sys.exit("".join(output))


def fingerprint_of_packages() -> str:
    """Return a digest of the place, the Python and the lock files."""
    digest = hashlib.sha256(f"{ROOT} {sys.version}".encode())
    for path in (Path(__file__), BUILD_LOCK, DEV_LOCK):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def fingerprint_of_distributions() -> str:
    """Return a digest of those tables of our pyproject.toml files that decide what is installed."""
    projects = [tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")) for folder in DISTRIBUTIONS]
    tables = [[project["build-system"], project["project"], project["tool"]["setuptools"]] for project in projects]
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()


def ready() -> list[str]:
    """Return the fingerprints of what .venv holds, none where it is not usable."""
    if not (VENV / "bin" / "python").exists() or not READY.exists():
        return []
    return READY.read_text(encoding="utf-8").splitlines()


@contextmanager
def alone() -> Iterator[None]:
    """Let two setups at once follow each other."""
    with Path(__file__).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another setup")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """Tell how far we are."""
    sys.stderr.write(f"setup: {text}\n")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        say("interrupted; the next run starts afresh")
        sys.exit(130)
