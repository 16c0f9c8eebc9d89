"""Makes clients/python/meimage/v1 from protos/; with --check changes nothing and fails where they differ."""

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
CLIENT = ROOT / "clients" / "python"
MADE = "*_pb2*.py*"
"""The names that the generators give; __init__.py and py.typed are written by hand."""


def main(arguments: list[str]) -> int:
    """Generate or compare. Returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        wanted, present = read(fresh), read(CLIENT)
    if arguments == ["--check"]:
        different = sorted(path for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path))
        for path in different:
            sys.stdout.write(f"clients/python/{path} is not what protos/ gives: run `make generate`\n")
        return 1 if different else 0
    for path in present.keys() - wanted.keys():
        (CLIENT / path).unlink()
    for path, content in wanted.items():
        (CLIENT / path).write_bytes(content)
    return 0


def generate(into: Path) -> None:
    """Run the generators: messages of every file, stubs of those that define a service."""
    files = sorted(path.relative_to(PROTOS) for path in PROTOS.rglob("*.proto"))
    protoc(files, f"--python_out={into}", f"--mypy_out=quiet:{into}")
    services = [path for path in files if path.name.endswith("_service.proto")]
    protoc(services, f"--grpc_python_out={into}", f"--mypy_grpc_out=quiet:{into}")


def protoc(files: list[Path], *outputs: str) -> None:
    """Run protoc with the plugins installed beside this Python, whatever PATH says."""
    scripts = sysconfig.get_path("scripts")
    plugins = [f"--plugin={name}={scripts}/{name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    command = [sys.executable, "-m", "grpc_tools.protoc", *plugins, f"-I{PROTOS}", *outputs, *map(str, files)]
    subprocess.run(command, check=True, cwd=PROTOS)  # noqa: S603 - the words are ours


def read(root: Path) -> dict[str, bytes]:
    """Return the generated files under a folder, by path."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.glob(f"meimage/**/{MADE}")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
