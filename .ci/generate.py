"""Makes the stubs of all clients from protos/; with --check changes nothing and fails where they differ.

A language whose tools are missing is left out and named on stderr; Python is never missing.
"""

import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import node

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
TEMPLATE = ROOT / "buf.gen.yaml"
GO_TOOLS = ROOT / ".ci" / "go"
"""The Go module that pins the generators of Go; nothing of it reaches those who use the client."""
ENTRY = "\n  - local:"
"""Begins each plugin of the template."""


@dataclass(frozen=True)
class Language:
    """A client whose stubs are made."""

    name: str
    client: str
    """Its folder, in which the stubs lie; plugins of the template belong to it by their `out`."""
    made: str
    """A pattern for what the generators write in it; everything else in there is written by hand."""
    missing: Callable[[], str]
    """Says why the stubs cannot be made here; nothing where they can."""
    generate: Callable[["Language", Path], None]
    """Makes the stubs in another folder, which stands for ROOT."""

    def read(self, root: Path) -> dict[str, bytes]:
        """Return the generated files under a folder that stands for ROOT, by path."""
        files = (root / self.client).glob(self.made)
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def main(arguments: list[str]) -> int:
    """Generate or compare. Returns the exit code."""
    check, codes = arguments == ["--check"], [0]
    for language in LANGUAGES:
        if why := language.missing():
            done = "compared" if check else "made"
            sys.stderr.write(f"{language.name.upper()} IS MISSING, {language.client} was not {done}: {why}\n")
            continue
        with tempfile.TemporaryDirectory() as folder:
            language.generate(language, Path(folder))
            wanted, present = language.read(Path(folder)), language.read(ROOT)
        codes.append(compare(wanted, present) if check else write(wanted, present))
    return max(codes)


def compare(wanted: dict[str, bytes], present: dict[str, bytes]) -> int:
    """Name every difference. Returns the exit code."""
    different = sorted(path for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path))
    for path in different:
        sys.stdout.write(f"{path} is not what protos/ gives: run `make generate`\n")
    return 1 if different else 0


def write(wanted: dict[str, bytes], present: dict[str, bytes]) -> int:
    """Make the stubs what they should be. Returns the exit code."""
    for path in present.keys() - wanted.keys():
        (ROOT / path).unlink()
    for path, content in wanted.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_bytes(content)
    return 0


def with_protoc(language: Language, into: Path) -> None:
    """Make messages of every file, and stubs of those that define a service."""
    out = into / language.client
    out.mkdir(parents=True)
    files = sorted(path.relative_to(PROTOS) for path in PROTOS.rglob("*.proto"))
    protoc(files, f"--python_out={out}", f"--mypy_out=quiet:{out}")
    services = [path for path in files if path.name.endswith("_service.proto")]
    protoc(services, f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet:{out}")


def protoc(files: list[Path], *outputs: str) -> None:
    """Run protoc with the plugins installed beside this Python, whatever PATH says."""
    plugins = [f"--plugin={name}={tool(name)}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    run([sys.executable, "-m", "grpc_tools.protoc", *plugins, f"-I{PROTOS}", *outputs, *map(str, files)], PROTOS)


def with_buf(language: Language, into: Path) -> None:
    """Run those plugins of the template that write into the client of one language."""
    head, *plugins = TEMPLATE.read_text("utf-8").split(ENTRY)
    own = [
        plugin for plugin in plugins if f"out: {language.client}\n" in plugin or f"out: {language.client}/" in plugin
    ]
    run([tool("buf"), "generate", "--template", ENTRY.join([head, *own]), "-o", str(into)], ROOT)


def with_npm_and_buf(language: Language, into: Path) -> None:
    """Install the plugin that the client's lock file pins, then do as above."""
    node.install()
    with_buf(language, into)


def tool(name: str) -> str:
    """Return the path of a tool installed beside this Python."""
    return f"{sysconfig.get_path('scripts')}/{name}"


def run(command: list[str], folder: Path) -> None:
    """Run a command. Raises where it fails."""
    subprocess.run(command, check=True, cwd=folder)  # noqa: S603 - the words are ours


def never_missing() -> str:
    """Python runs this."""
    return ""


def missing_go() -> str:
    """Say why Go cannot be used; an older one refuses the module of the tools."""
    go = shutil.which("go")
    if go is None:
        return "there is no `go` on PATH"
    words = [go, "list", "-C", str(GO_TOOLS), "-m"]
    found = subprocess.run(words, check=False, capture_output=True, text=True)  # noqa: S603 - the words are ours
    return found.stderr.strip() if found.returncode else ""


LANGUAGES = (
    Language("Python", "clients/python", "meimage/**/*_pb2*.py*", never_missing, with_protoc),
    Language("Go", "clients/go", "meimagev1/*.pb.go", missing_go, with_buf),
    Language("TypeScript", "clients/typescript", "src/gen/**/*_pb.ts", node.missing_node, with_npm_and_buf),
)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
