"""The Dockerfile's steps, run as they stand, outside a container: its absolute folders lie below one of ours."""

import os
import pwd
import re
import shlex
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from service.adapters.embedded.children import Program, User
from tests.dev_process import ROOT, environment

_FOLDERS = re.compile(r"(?<![\w./-])/(build|src|wheels|app|tmp)(?=[/\s:*]|$)")
_MADE_OF = shutil.ignore_patterns("__pycache__", "*.egg-info")
"""What .dockerignore keeps out of the folders that are copied."""


@dataclass(frozen=True)
class Step:
    """An instruction of the Dockerfile and its argument."""

    instruction: str
    argument: str


def stages() -> list[list[Step]]:
    """Read the Dockerfile; each stage begins with its FROM."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    found: list[list[Step]] = []
    for line in filter(None, lines):
        step = Step(*line.split(maxsplit=1))
        if step.instruction == "FROM":
            found.append([])
        found[-1].append(step)
    return found


@dataclass(frozen=True)
class Image:
    """What would be in containers: the folders of the image below ``root``, and who has them."""

    root: Path
    user: User

    @classmethod
    def empty(cls, root: Path) -> "Image":
        """Make an empty one, of a user without rights: `nobody` in place of root."""
        nobody = pwd.getpwnam("nobody")
        user = User(nobody.pw_uid, nobody.pw_gid) if os.geteuid() == 0 else User.ourselves()
        for folder in (root, root / "src", root / "tmp"):
            folder.mkdir(exist_ok=True)
            os.chown(folder, user.uid, user.gid)
        return cls(root, user)

    def moved(self, text: str) -> str:
        """Return text whose absolute folders are those below ``root``."""
        return _FOLDERS.sub(lambda match: f"{self.root}/{match[1]}", text)

    def copy(self, argument: str) -> None:
        """Copy from the project, as COPY does."""
        *sources, target = argument.split()
        for name in sources:
            source, goal = ROOT / name, self.root / "src" / target
            if source.is_dir():
                shutil.copytree(source, goal, ignore=_MADE_OF)
            else:
                shutil.copy(source, goal)
        for path in (self.root / "src").rglob("*"):
            os.chown(path, self.user.uid, self.user.gid)

    def program(self, name: str, line: str, folder: str, **variables: str) -> Program:
        """Return a command line as the image's user runs it, with the `python` that we run on."""
        base = Path(sys._base_executable).parent  # type: ignore[attr-defined] # typeshed leaves it out
        kept = {name: value for name, value in environment().items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        path = {"PATH": f"{base}:/usr/bin:/bin", "MALLOC_ARENA_MAX": "2"} | variables
        return Program(
            name=name,
            command=["/bin/sh", "-ec", f"cd {shlex.quote(f'{self.root}{folder}')}; {line}"],
            environment=kept | {"HOME": str(self.root)} | path,
            log=self.root.parent / f"{name}.log",
            user=self.user,
            stop_signal=signal.SIGTERM,
            orphan_signal=signal.SIGKILL,
            stop_seconds=20.0,
        )
