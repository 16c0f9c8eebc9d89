"""The data folder of the embedded Postgres: who owns it, how it is made, whom it admits."""

import asyncio
import os
import pwd
import shutil
import signal
import tempfile
from pathlib import Path

from service.adapters.embedded import binaries
from service.adapters.embedded.children import Program, User, run

_INITDB_SECONDS = 120.0


def user_for(cluster: Path) -> User:
    """Return who may run it: we, but in place of root, which Postgres refuses, its owner, or `nobody` for a new one.

    `nobody` is on every system: no user is added to the machine.
    """
    if os.geteuid() != 0:
        return User.ourselves()
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return User(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return User(nobody.pw_uid, nobody.pw_gid)


async def make_cluster(cluster: Path, logs: Path, user: User) -> None:
    """Make an empty cluster beside its place and move it there whole: a start that is cut short leaves none behind."""
    prefix = f"{cluster.name}.new-"
    for remains in cluster.parent.glob(f"{prefix}*"):
        shutil.rmtree(remains, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=prefix, dir=cluster.parent))
    os.chown(fresh, user.uid, user.gid)
    await run(_initdb(fresh, logs, user), _INITDB_SECONDS)
    await asyncio.to_thread(fresh.rename, cluster)


def admit_only_us(cluster: Path, user: User) -> None:
    """Let the kernel's word on who connects decide: our own system user gets in, as any role, and nobody else does."""
    ourselves = pwd.getpwuid(os.geteuid()).pw_name
    for name, text in (
        ("pg_hba.conf", "local all all peer map=ourselves\n"),
        ("pg_ident.conf", f'ourselves "{ourselves}" all\n'),
    ):
        path = cluster / name
        path.write_text(text, encoding="utf-8")
        os.chown(path, user.uid, user.gid)


def _initdb(folder: Path, logs: Path, user: User) -> Program:
    return Program(
        name="initdb",
        command=[
            *(binaries.postgres("initdb"), "-D", folder, "-U", "postgres", "--auth=peer", "--encoding=UTF8"),
            # Postgres's own C.UTF-8: sorting is the same on every machine and never changes with its C library.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ],
        environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        log=logs / "initdb.log",
        user=user,
        stop_signal=signal.SIGTERM,
        orphan_signal=signal.SIGKILL,
        stop_seconds=5.0,
    )
