"""Makes clients/typescript/node_modules what its lock file says: `python .ci/node.py`. Exits with 3 without Node.

Does nothing where it is that already. Downloads no code that runs while it is installed: see clients/typescript/.npmrc.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).resolve().parent.parent / "clients" / "typescript"
READY = CLIENT / "node_modules" / ".ready"
"""Holds the fingerprint of what is installed; written last, so that an interrupted installation has none."""
OLDEST_NODE = 20
MISSING = 3


def missing_node() -> str:
    """Say why Node cannot be used, nothing where it can."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return "there is no `node` and `npm` on PATH"
    version = said([node, "--version"]).strip()
    if int(version.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        return f"Node is {version}, and {OLDEST_NODE} is the oldest that works"
    return ""


def install() -> None:
    """Install what the lock file pins, unless it is there. Raises where npm fails."""
    with (CLIENT / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Two at once follow each other.
        if READY.exists() and READY.read_text("utf-8") == fingerprint():
            return
        sys.stderr.write("npm ci in clients/typescript; with an empty cache this downloads about 60 MB\n")
        said(["npm", "ci", "--no-progress"])
        link_bun()
        READY.write_text(fingerprint(), "utf-8")


def link_bun() -> None:
    """Put Bun where its package has a placeholder, as its script does, which .npmrc forbids: it may download."""
    programs = sorted(CLIENT.glob("node_modules/@oven/bun-*/bin/bun"))
    if programs:
        placeholder = CLIENT / "node_modules" / "bun" / "bin" / "bun.exe"
        placeholder.unlink()
        placeholder.symlink_to(programs[0])


def fingerprint() -> str:
    """Return a digest of what decides what is installed."""
    files = (CLIENT / name for name in (".npmrc", "package.json", "package-lock.json"))
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()


def said(command: list[str]) -> str:
    """Run a command and return what it wrote. Shows its errors and exits where it fails."""
    done = subprocess.run(command, check=False, cwd=CLIENT, capture_output=True, text=True)  # noqa: S603 - ours
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    if why := missing_node():
        sys.stderr.write(f"NODE IS MISSING: {why}\n")
        sys.exit(MISSING)
    install()
