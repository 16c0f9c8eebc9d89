"""The fences around a decoder: that they are up, and that they hold."""

import asyncio
import json
import os
import select
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.adapters.pictures import PicturePool
from service.adapters.pictures_process import DecoderLimits
from service.adapters.pictures_sandbox import OPTIONAL, REQUIRED
from service.domain.model import THUMBNAIL, MediaType
from tests import pictures as photos

ROOT = Path(__file__).resolve().parents[2]

ATTEMPTS = """
import json, os, socket, sys, threading
sys.path.append(sys.argv[1])
from service.adapters import pictures_landlock, pictures_sandbox, pictures_seccomp
listener = socket.create_server(("127.0.0.1", 0))
client = socket.socket()
attempts = {
    "read": lambda: open("/etc/hostname").close(),
    "list": lambda: os.listdir("/"),
    "unlink": lambda: os.unlink("/nowhere/at/all"),
    "tcp": lambda: client.connect(listener.getsockname()),
    "socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "fork": lambda: os.fork() or os._exit(0),
    "run": lambda: os.execv("/nowhere", ["nowhere"]),
    "signal": lambda: os.kill(os.getppid(), 0),
    "thread": lambda: threading.Thread(target=int).start(),
    "memory": lambda: bytearray(1 << 30),
}
held = list(pictures_sandbox.limit(512 << 20))
FENCE
refused = []
for name, attempt in attempts.items():
    try:
        attempt()
    except PermissionError:
        refused.append(name)
    except OSError:
        pass
    except MemoryError:
        refused.append(name)
print(json.dumps({"held": held, "refused": refused}))
"""


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[PicturePool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ME_IMAGES_S3_SECRET_KEY", "never-to-be-seen")
        async with PicturePool.open(workers=2, limits=DecoderLimits(seconds=7, memory_bytes=700 << 20)) as running:
            await running.render(photos.jpeg(), MediaType.JPEG, [THUMBNAIL])
            yield running


async def attempts_behind(fence: str) -> tuple[list[str], set[str]]:
    """Put up a fence in a process of its own; return what held, and which attempts were refused."""
    program = ATTEMPTS.replace("FENCE", fence)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", program, str(ROOT), stdin=DEVNULL, stdout=PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    found = json.loads(output)
    return found["held"], set(found["refused"])


async def test_without_the_lock_only_memory_is_refused() -> None:
    _, refused = await attempts_behind("")
    assert refused == {"memory"}


async def test_landlock_takes_files_tcp_and_signals() -> None:
    held, refused = await attempts_behind("held += pictures_landlock.restrict()")
    expected = {"memory"}
    if "landlock-files" in held:
        expected |= {"read", "list"}
    if "landlock-tcp" in held:
        expected |= {"tcp"}
    if "landlock-signals" in held:
        expected |= {"signal"}
    assert expected <= refused <= expected | {"unlink"}


async def test_seccomp_takes_files_sockets_programs_and_signals_but_no_threads() -> None:
    _, refused = await attempts_behind("pictures_seccomp.install()")
    assert refused == {"memory", "read", "list", "unlink", "tcp", "socket", "fork", "run", "signal"}


async def test_the_lock_is_all_of_them() -> None:
    held, refused = await attempts_behind("held += pictures_sandbox.lock()")
    assert set(held) >= REQUIRED
    assert set(held) <= REQUIRED | OPTIONAL
    assert refused >= {"read", "list", "tcp", "socket", "fork", "run", "signal", "memory"}
    assert "thread" not in refused


async def test_the_lock_leaves_out_what_an_earlier_thread_would_escape() -> None:
    early = "threading.Thread(target=threading.Event().wait, daemon=True).start()\nheld += pictures_sandbox.lock()"
    held, _ = await attempts_behind(early)
    assert not {"landlock-files", "landlock-tcp", "landlock-signals", "seccomp"} & set(held)


def test_the_pool_tells_which_fences_hold(pool: PicturePool) -> None:
    assert set(pool.sandbox) >= REQUIRED
    assert set(pool.sandbox) <= REQUIRED | OPTIONAL


def test_the_limits_of_every_worker_are_set(pool: PicturePool) -> None:
    for pid in pool.pids:
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
        limits = {line[:26].strip(): line[26:].split()[:2] for line in lines}
        assert limits["Max address space"] == [str(700 << 20)] * 2
        assert limits["Max file size"] == ["0", "0"]
        assert limits["Max core file size"] == ["0", "0"]
        assert limits["Max open files"] == ["16", "16"]
    assert any(7 <= int(cpu_seconds(pid)) <= 9 for pid in pool.pids), "the one that had a photo has a budget for it"


def cpu_seconds(pid: int) -> str:
    """The soft limit of CPU time."""
    return Path(f"/proc/{pid}/limits").read_text().split("Max cpu time")[1].split()[0]


def test_a_worker_can_gain_no_privileges(pool: PicturePool) -> None:
    for pid in pool.pids:
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == ("2" if "seccomp" in pool.sandbox else "0")
        assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "1000\n"


def test_no_secret_reaches_a_worker(pool: PicturePool) -> None:
    for pid in pool.pids:
        environ = Path(f"/proc/{pid}/environ")
        if os.geteuid() != 0:
            with pytest.raises(PermissionError):  # not dumpable: closed even to its own user
                environ.read_bytes()
            continue
        names = {entry.split(b"=")[0] for entry in environ.read_bytes().split(b"\0") if entry}
        assert names == {b"LC_ALL", b"MALLOC_ARENA_MAX", b"VIPS_CONCURRENCY"}
        assert b"never-to-be-seen" not in Path(f"/proc/{pid}/cmdline").read_bytes()


SERVER = """
import asyncio, sys
sys.path.append(sys.argv[1])
from service.adapters.pictures import PicturePool
from service.domain.model import THUMBNAIL, MediaType
async def main():
    photo = sys.stdin.buffer.read(int(sys.argv[2]))
    async with PicturePool.open(workers=2) as pool:
        media = await pool.render(photo, MediaType.JPEG, [THUMBNAIL])
        print(media.width, *pool.pids, flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)
RUN
"""


def running(pid: int) -> bool:
    """Zombies count as running."""
    return Path(f"/proc/{pid}").exists()


def ends(process: int) -> bool:
    """Wait for a process by its descriptor (pidfd_open(2)), ten seconds at most."""
    readable, _, _ = select.select([process], [], [], 10)
    return bool(readable)


async def serve(runner: str) -> tuple[asyncio.subprocess.Process, list[int]]:
    """A process of its own with a pool, which ends with its standard input; and what it printed."""
    photo = photos.jpeg(640, 480, 6)
    program = SERVER.replace("RUN", runner)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-W", "error", "-c", program, str(ROOT), str(len(photo))),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(photo)
    return process, [int(word) for word in (await process.stdout.readline()).split()]


@pytest.mark.parametrize(
    "runner", ["asyncio.run(main())", "import uvloop; uvloop.run(main())"], ids=["asyncio", "uvloop"]
)
async def test_a_pool_ends_without_a_word(runner: str) -> None:
    process, (width, *pids) = await serve(runner)
    _, errors = await process.communicate(b"")
    assert (width, process.returncode, errors) == (640, 0, b"")
    assert not any(running(pid) for pid in pids)


async def test_workers_die_with_a_server_that_is_killed() -> None:
    """Stopped, so that they cannot see the end of their standard input."""
    process, (_, *pids) = await serve("asyncio.run(main())")
    descriptors = [os.pidfd_open(pid) for pid in pids]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    process.kill()
    await process.communicate()
    for descriptor in descriptors:
        assert await asyncio.to_thread(ends, descriptor)
        os.close(descriptor)
