"""The embedded stores keep what they were given, keep to themselves, and leave nothing running."""

import asyncio
import os
import socket
import stat
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
import pytest
from minio.error import S3Error

from service.adapters.embedded import EmbeddedStoreError, EmbeddedStores, embedded_stores, weed
from service.adapters.embedded.ports import free_ports
from service.adapters.embedded.postgres import running_postgres
from service.adapters.embedded.s3 import running_s3
from service.adapters.embedded.waiting import until
from tests.integration.keeping import keep, kept, s3_client

MODES_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


async def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    async with embedded_stores(tmp_path / "data") as stores:
        await keep(stores, b"kept")
        started = psutil.Process().children(recursive=True)
    assert not [process for process in started if _runs_in(process, tmp_path)]
    async with embedded_stores(tmp_path / "data") as stores:
        assert await kept(stores) == (b"kept", b"kept")


async def test_what_was_stored_is_there_after_kill_9_and_nothing_runs_on(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "tests.integration.embedded_host", str(tmp_path))
    host = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    assert host.stdout is not None
    assert await asyncio.wait_for(host.stdout.readline(), 60) == b"kept\n"
    children = psutil.Process(host.pid).children(recursive=True)
    assert {process.name() for process in children} >= {"postgres", "weed"}
    host.kill()
    async with embedded_stores(tmp_path) as stores:  # at once, while the old Postgres may still be ending
        assert await kept(stores) == (b"kept", b"kept")

        async def all_gone() -> bool:
            return not any(_lives(process) for process in children)

        assert await until(all_gone, 15)
    await host.wait()


async def test_a_process_number_that_was_reused_does_not_keep_postgres_from_starting(tmp_path: Path) -> None:
    logs = _folder(tmp_path / "logs")
    async with running_postgres(tmp_path, logs):
        pass
    # What a killed Postgres leaves, with its number given to another process since: to this one.
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path / 'postgres'}\n")
    async with running_postgres(tmp_path, logs) as url:
        connection = await asyncpg.connect(url)
        await connection.close()


async def test_a_deep_data_folder_works(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120) / ("e" * 120)
    async with running_postgres(deep, _folder(deep / "logs")) as url:
        connection = await asyncpg.connect(url)
        await connection.close()
        sockets = Path(parse_qs(urlsplit(url).query)["host"][0])
        assert not sockets.is_relative_to(tmp_path)
        assert _closed(sockets)
    assert not list(sockets.parent.glob(sockets.name))


async def test_they_listen_on_loopback_only_and_postgres_on_no_port(stores: EmbeddedStores) -> None:
    (store,) = [process for process in psutil.Process().children() if process.name() == "weed"]
    listening = [address for address in store.net_connections("inet") if address.status == psutil.CONN_LISTEN]
    assert {address.laddr.ip for address in listening} == {"127.0.0.1"}
    connection = await asyncpg.connect(stores.database_url)
    try:
        # Asked itself, as root in a container may not look at what another user's process has open.
        assert await connection.fetchval("SHOW listen_addresses") == ""
    finally:
        await connection.close()


async def test_postgres_admits_by_system_user_only(stores: EmbeddedStores) -> None:
    connection = await asyncpg.connect(stores.database_url, user="postgres")
    try:
        rules = await connection.fetch("SELECT type, auth_method, options FROM pg_hba_file_rules")
        users = await connection.fetch("SELECT sys_name FROM pg_ident_file_mappings")
    finally:
        await connection.close()
    assert [tuple(rule) for rule in rules] == [("local", "peer", ["map=ourselves"])]
    assert [user["sys_name"] for user in users] == [psutil.Process().username()]


async def test_the_services_role_is_no_superuser(stores: EmbeddedStores) -> None:
    connection = await asyncpg.connect(stores.database_url)
    try:
        assert not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    finally:
        await connection.close()


async def test_wrong_s3_credentials_are_refused(stores: EmbeddedStores) -> None:
    with pytest.raises(S3Error) as refusal:
        s3_client(stores, "f" * 64).list_buckets()
    assert refusal.value.code == "SignatureDoesNotMatch"


async def test_secrets_are_kept(stores: EmbeddedStores, data_dir: Path) -> None:
    assert stores.s3_secret_key not in repr(stores)
    assert stores.s3_access_key not in repr(stores)
    assert _closed(data_dir)
    assert _closed(data_dir / "s3-credentials.json")
    assert all(_closed(log) for log in (data_dir / "logs").iterdir())


async def test_taken_ports_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        others = free_ports(9)
        offers = [[taken.getsockname()[1], *others[:4]], others[4:]]
        monkeypatch.setattr(weed, "free_ports", lambda _: offers.pop(0))
        async with running_s3(tmp_path, _folder(tmp_path / "logs")) as access:
            assert access.endpoint == f"127.0.0.1:{others[4]}"


async def test_a_start_that_fails_names_the_log(tmp_path: Path) -> None:
    _folder(tmp_path / "postgres")  # there, but holding no cluster
    logs = _folder(tmp_path / "logs")
    with pytest.raises(EmbeddedStoreError, match=str(logs / "postgres.log")):
        async with running_postgres(tmp_path, logs):
            pass
    assert (logs / "postgres.log").read_text()


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def _closed(path: Path) -> bool:
    return not path.stat().st_mode & MODES_OF_OTHERS


def _runs_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return any(str(folder) in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
