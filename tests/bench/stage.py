"""What the benches run on: real stores, a database of the newest schema, and ``serve`` processes as in production."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from service.adapters.embedded import EmbeddedStores, embedded_stores
from service.adapters.embedded.children import Program, User, ready, running
from service.adapters.keks import write_first_kek
from service.adapters.postgres.migrate import migrate
from service.config import PREFIX
from tests.bench.photos import five_megabytes
from tests.bench.processes import ProcessTree
from tests.people import new_user_id
from tests.tokens import AUDIENCE, ISSUER, Issuer

START_SECONDS = 60.0
TOKEN_SECONDS = 3600


@dataclass(frozen=True)
class Somebody:
    """A user with a token that outlives the run."""

    user_id: str
    token: str


@dataclass(frozen=True)
class Server:
    """A running ``python -m service serve`` with one worker."""

    address: str
    log: Path
    tree: ProcessTree

    def answered(self, method: str) -> dict[str, int]:
        """Return how many calls of a method the log tells of, by status code."""
        codes: dict[str, int] = {}
        for line in self.log.read_text("utf-8").splitlines():
            if '"event":"call"' in line and f'"method":"{method}"' in line:
                code = str(json.loads(line)["code"])
                codes[code] = codes.get(code, 0) + 1
        return codes


@dataclass(frozen=True)
class Stage:
    """The stores, a folder for files, a photo of 5 MB in it, and an issuer of tokens."""

    folder: Path
    stores: EmbeddedStores
    issuer: Issuer
    photo: Path

    def somebody(self) -> Somebody:
        """Return a user whom nobody knows yet."""
        user_id = new_user_id()
        return Somebody(user_id, self.issuer.user(user_id, exp=int(time.time()) + TOKEN_SECONDS))

    def backend(self) -> str:
        """Return the token of a service that may do everything for everybody."""
        scopes = ("me_images.read", "me_images.write", "me_images.watch", "me_images.release", "me_images.on_behalf")
        return self.issuer.service(*scopes, exp=int(time.time()) + TOKEN_SECONDS)

    def ceiling_settings(self) -> dict[str, str]:
        """Return where the stores are, as the ceilings' processes want to know it."""
        return {
            "BENCH_DATABASE_URL": self.stores.database_url,
            "BENCH_S3_ENDPOINT": self.stores.s3_endpoint,
            "BENCH_S3_BUCKET": self.stores.s3_bucket,
            "BENCH_S3_ACCESS_KEY": self.stores.s3_access_key,
            "BENCH_S3_SECRET_KEY": self.stores.s3_secret_key,
            "VIPS_CONCURRENCY": "1",  # as the service's decoders have it
            "MALLOC_ARENA_MAX": "2",
        }

    @asynccontextmanager
    async def server(self, name: str) -> AsyncIterator[Server]:
        """Run a server of its own processes while the context is open."""
        log = self.folder / f"{name}.log"
        program = Program(
            name=name,
            command=[sys.executable, "-m", "service", "serve", "--workers", "1"],
            environment=_without_settings() | self._settings(),
            log=log,
            user=User.ourselves(),
            stop_signal=signal.SIGTERM,
            orphan_signal=signal.SIGTERM,
            stop_seconds=20.0,
        )

        async def serves() -> bool:
            return await asyncio.to_thread(_port, log) is not None

        async with running(program) as process:
            await ready(process, program, serves, START_SECONDS)
            port = await asyncio.to_thread(_port, log)
            yield Server(f"127.0.0.1:{port}", log, ProcessTree(process.pid))

    def _settings(self) -> dict[str, str]:
        settings = {
            "address": "127.0.0.1:0",
            "database_url": self.stores.database_url,
            "s3_endpoint": self.stores.s3_endpoint,
            "s3_bucket": self.stores.s3_bucket,
            "s3_access_key": self.stores.s3_access_key,
            "s3_secret_key": self.stores.s3_secret_key,
            "s3_secure": str(self.stores.s3_secure).lower(),
            "kek_file": str(self.folder / "kek"),
            "jwks_file": str(self.folder / "jwks.json"),
            "token_issuer": ISSUER,
            "token_audience": AUDIENCE,
            "upkeep": "false",  # seeded rows are older than they would be
        }
        return {f"{PREFIX}{name.upper()}": value for name, value in settings.items()}


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Set everything up in an empty folder, and stop it all at the end."""
    issuer, photo = Issuer(), folder / "5mb.jpg"
    write_first_kek(folder / "kek")
    issuer.write_jwks(folder / "jwks.json")
    async with embedded_stores(folder / "data") as stores:
        await migrate(stores.database_url)
        await asyncio.to_thread(lambda: photo.write_bytes(five_megabytes()))
        yield Stage(folder, stores, issuer, photo)


def _without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def _port(log: Path) -> int | None:
    """The port in the line that says that it serves; None before there is one."""
    for line in log.read_text("utf-8").splitlines():
        if '"event":"serving"' in line and line.endswith("}"):
            return int(json.loads(line)["port"])
    return None
