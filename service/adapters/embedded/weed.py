"""How `weed mini` is run: its ports, its folders, its flags, and what it leaves behind when it is killed."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from service.adapters.embedded import binaries
from service.adapters.embedded.children import Program, User
from service.adapters.embedded.ports import GRPC_OFFSET, free_ports
from service.adapters.private_files import private_folder, write_private

_STOP_SECONDS = 10.0
_SOCKETS = Path("/tmp")  # noqa: S108 - weed puts its sockets there whatever TMPDIR says; we only tidy up after it


@dataclass(frozen=True)
class WeedPorts:
    """The http port of each of its parts; the gRPC port of each is GRPC_OFFSET above."""

    s3: int
    master: int
    volume: int
    filer: int
    admin: int

    @classmethod
    def free(cls) -> "WeedPorts":
        """Choose ports that are free now."""
        return cls(*free_ports(5))


@dataclass(frozen=True)
class WeedFolders:
    """`objects` holds its data; `scratch` is its home, with the ports of the last run."""

    objects: Path
    scratch: Path

    @classmethod
    def under(cls, data_dir: Path) -> "WeedFolders":
        """Make the folders, for us alone."""
        return cls(private_folder(data_dir / "objects"), private_folder(data_dir / "weed"))

    @contextmanager
    def swept(self, ports: WeedPorts) -> Iterator[None]:
        """Remove what a killed run left, and after the context what this one leaves."""
        self._sweep()
        write_private(self._last_ports, json.dumps(astuple(ports)))
        try:
            yield
        finally:
            self._sweep()

    @property
    def _last_ports(self) -> Path:
        return self.scratch / "ports.json"

    def _sweep(self) -> None:
        # One folder for each port its master ever had: the state of a cluster vote, which a single master wins anew.
        for vote in self.objects.glob("m[0-9]*"):
            shutil.rmtree(vote, ignore_errors=True)
        last: list[int] = []
        with suppress(FileNotFoundError):
            last = json.loads(self._last_ports.read_text(encoding="utf-8"))
        for port in (number for http in last for number in (http, http + GRPC_OFFSET)):
            for path in _SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
                if path.is_socket() and path.lstat().st_uid == os.geteuid():
                    path.unlink(missing_ok=True)


def weed_program(folders: WeedFolders, ports: WeedPorts, access_key: str, secret_key: str, log: Path) -> Program:
    """Describe the run of a store that knows one identity, listens on 127.0.0.1 only and reports to nobody."""
    listen: list[str] = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    for part, port in asdict(ports).items():
        listen += [f"-{part}.port={port}", f"-{part}.port.grpc={port + GRPC_OFFSET}"]
    off = ["-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
    data = [f"-dir={folders.objects}", "-master.volumeSizeLimitMB=64", "-volume.max=500"]
    data += ["-s3.allowDeleteBucketNotEmpty=false", "-volume.preStopSeconds=0"]
    return Program(
        name="weed",
        command=[binaries.weed(), "-logtostderr=true", "mini", *data, *listen, *off],
        # Nothing of our own environment: weed would take settings, other credentials and a home from it.
        environment={
            "HOME": str(folders.scratch),
            "TMPDIR": str(folders.scratch),
            "PATH": "/usr/bin:/bin",
            "GOMEMLIMIT": "150MiB",
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
        },
        log=log,
        user=User.ourselves(),
        stop_signal=signal.SIGTERM,
        orphan_signal=signal.SIGKILL,
        stop_seconds=_STOP_SECONDS,
    )
