"""The decoder pool when things go wrong: workers that die, hang or lie, callers that give up, queues that fill.

A worker is held by SIGSTOP, so that nothing here depends on how long anything takes.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from service.adapters import pictures_process
from service.adapters.pictures import PicturePool
from service.adapters.pictures_lost import DecoderLost
from service.adapters.pictures_process import DecoderLimits
from service.domain.errors import Overloaded, UndecodableImage
from service.domain.model import THUMBNAIL, MediaType
from service.ports.outside import RenderedMedia
from tests import pictures as photos

JPEG, PNG = MediaType.JPEG, MediaType.PNG


@contextmanager
def held(pool: PicturePool) -> Iterator[int]:
    """Stop the only worker of a pool, and give its process id."""
    (pid,) = pool.pids
    os.kill(pid, signal.SIGSTOP)
    yield pid
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def running(pid: int) -> bool:
    """Zombies count as running."""
    return Path(f"/proc/{pid}").exists()


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the pool tells its state by gauges, not by events
            await asyncio.sleep(0)


async def rendered(pool: PicturePool, width: int, height: int) -> RenderedMedia:
    return await pool.render(photos.jpeg(width, height), JPEG, [THUMBNAIL])


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
async def test_a_worker_killed_from_outside_costs_nobody_a_photo(by: signal.Signals) -> None:
    async with PicturePool.open(workers=1) as pool:
        with held(pool) as pid:
            first = asyncio.create_task(rendered(pool, 64, 48))
            await until(lambda: pool.busy == 1)
            next_one = asyncio.create_task(rendered(pool, 80, 60))
            await until(lambda: pool.waiting == 1)
            os.kill(pid, by)
        assert (await first).width == 64
        assert (await next_one).width == 80
        assert pool.pids != (pid,)
        assert not running(pid)


@pytest.mark.parametrize("by", [signal.SIGXCPU, signal.SIGSEGV, signal.SIGABRT])
async def test_a_worker_that_ends_by_its_photo_is_not_tried_again(by: signal.Signals) -> None:
    async with PicturePool.open(workers=1) as pool:
        with held(pool) as pid:
            lost = asyncio.create_task(rendered(pool, 64, 48))
            await until(lambda: pool.busy == 1)
            os.kill(pid, by)
        with pytest.raises(UndecodableImage):
            await lost
        assert (await rendered(pool, 80, 60)).width == 80
        assert pool.pids != (pid,)


async def test_a_photo_nobody_waits_for_is_not_tried_again() -> None:
    async with PicturePool.open(workers=1) as pool:
        with held(pool) as pid:
            call = asyncio.create_task(rendered(pool, 64, 48))
            await until(lambda: pool.busy == 1)
            call.cancel()
            await asyncio.wait([call])
            os.kill(pid, signal.SIGKILL)
        await until(lambda: pool.busy == 0)
        assert pool.alive
        assert not running(pid)


async def test_a_worker_that_died_in_its_sleep_costs_nobody_a_photo() -> None:
    async with PicturePool.open(workers=1) as pool:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not pool.alive)
        assert (await rendered(pool, 64, 48)).width == 64
        assert pool.alive


async def test_a_worker_that_hangs_is_replaced() -> None:
    async with PicturePool.open(workers=1, limits=DecoderLimits(seconds=1)) as pool:
        with held(pool) as pid, pytest.raises(UndecodableImage):
            await rendered(pool, 64, 48)
        assert (await rendered(pool, 64, 48)).width == 64
        assert pool.pids != (pid,)


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGABRT])
async def test_a_pool_that_closes_while_it_replaces_a_worker_leaves_nothing_behind(by: signal.Signals) -> None:
    for turns in range(40):
        async with PicturePool.open(workers=1) as pool:
            with held(pool) as pid:
                call = asyncio.create_task(rendered(pool, 64, 48))
                await until(lambda: pool.busy == 1)
                os.kill(pid, by)
            await until(lambda: not pool.alive)
            for _ in range(turns):
                await asyncio.sleep(0)
            pids = {pid, *pool.pids}
        with pytest.raises((Overloaded, UndecodableImage)):
            await call
        assert not any(running(one) for one in pids | set(pool.pids))


async def test_one_hanging_worker_does_not_stop_the_other() -> None:
    async with PicturePool.open(workers=2) as pool:
        os.kill(pool.pids[0], signal.SIGSTOP)
        calls = [asyncio.create_task(rendered(pool, 64 + at, 48)) for at in range(6)]
        done = 0
        while done < 5:
            done = sum(call.done() for call in calls)
            await asyncio.sleep(0)
        os.kill(pool.pids[0], signal.SIGCONT)
        assert [media.width for media in await asyncio.gather(*calls)] == [64, 65, 66, 67, 68, 69]


async def test_too_little_memory_is_an_undecodable_photo() -> None:
    """5,000 x 5,000 pixels of 8 bytes need 200 MB at once, as the picture is interlaced."""
    photo = photos.interlaced_png(5000, 5000, "RGBA")
    async with PicturePool.open(workers=1, limits=DecoderLimits(memory_bytes=300 << 20)) as pool:
        with pytest.raises(UndecodableImage):
            await pool.render(photo, PNG, [THUMBNAIL])
        assert (await rendered(pool, 64, 48)).width == 64
    async with PicturePool.open(workers=1) as pool:
        assert (await pool.render(photo, PNG, [THUMBNAIL])).width == 5000


async def test_a_caller_that_gives_up_leaves_no_answer_behind() -> None:
    async with PicturePool.open(workers=1, queue=1) as pool:
        with held(pool):
            running = asyncio.create_task(rendered(pool, 64, 48))
            await until(lambda: pool.busy == 1)
            waiting = asyncio.create_task(rendered(pool, 70, 50))
            await until(lambda: pool.waiting == 1)
            running.cancel()
            waiting.cancel()
            await asyncio.wait([running, waiting])
            assert running.cancelled()
            assert waiting.cancelled()
            assert pool.waiting == 0
            following = asyncio.create_task(rendered(pool, 80, 60))
            await until(lambda: pool.waiting == 1)
        media = await following
        assert (media.width, media.height, media.pictures[0].width) == (80, 60, 80)
        await until(lambda: pool.busy == 0)


async def test_many_cancelled_callers_use_up_nothing() -> None:
    async with PicturePool.open(workers=2, queue=4) as pool:
        pids = pool.pids
        for turn in range(30):
            call = asyncio.create_task(rendered(pool, 64, 48))
            for _ in range(turn % 5):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
            await until(lambda: pool.busy + pool.waiting < 2)
        await until(lambda: pool.busy == 0)
        sizes = [(64 + at, 48 + at) for at in range(6)]
        answers = await asyncio.gather(*(rendered(pool, *size) for size in sizes))
        assert [(media.width, media.height) for media in answers] == sizes
        assert pool.pids == pids


async def test_one_more_than_the_queue_takes_is_refused() -> None:
    async with PicturePool.open(workers=1, queue=2) as pool:
        with held(pool):
            taken = [asyncio.create_task(rendered(pool, 64 + at, 48)) for at in range(3)]
            await until(lambda: (pool.busy, pool.waiting) == (1, 2))
            with pytest.raises(Overloaded):
                await rendered(pool, 90, 90)
        assert [media.width for media in await asyncio.gather(*taken)] == [64, 65, 66]
        assert (await rendered(pool, 90, 90)).width == 90


async def test_a_worker_retires() -> None:
    async with PicturePool.open(workers=1, tasks_per_worker=2) as pool:
        first = pool.pids
        assert (await rendered(pool, 64, 48)).width == 64
        assert pool.pids == first
        assert (await rendered(pool, 65, 48)).width == 65
        await until(lambda: pool.pids != first)
        assert (await rendered(pool, 66, 48)).width == 66


async def test_closing_kills_the_workers_and_answers_everybody() -> None:
    async with PicturePool.open(workers=2) as pool:
        pids = pool.pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        calls = [asyncio.create_task(rendered(pool, 64, 48)) for _ in range(3)]
        await until(lambda: (pool.busy, pool.waiting) == (2, 1))
    assert [type(fault) for fault in await asyncio.gather(*calls, return_exceptions=True)] == [Overloaded] * 3
    assert not any(running(pid) for pid in pids)
    with pytest.raises(Overloaded):
        await rendered(pool, 64, 48)


LIAR = """
import json, struct, sys
def frame(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    sys.stdout.buffer.write(struct.pack(">II", len(text), len(body)) + text + body)
    sys.stdout.buffer.flush()
held = ["rlimits", "dies-with-parent", "no-new-privs", "not-dumpable"]
if HELLO:
    frame({"hello": 1, "sandbox": held})
head, body = struct.unpack(">II", sys.stdin.buffer.read(8))
sys.stdin.buffer.read(head + body)
ANSWER
sys.stdin.buffer.read()
"""


def lie(monkeypatch: pytest.MonkeyPatch, answer: str, hello: str = "True") -> None:
    """Have the pool start, from its next worker on, a program that is none of ours."""
    program = LIAR.replace("ANSWER", answer).replace("HELLO", hello)
    monkeypatch.setattr(pictures_process, "worker_command", lambda _: (sys.executable, "-I", "-c", program))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("frame(b'not json')", id="no-json"),
        pytest.param("frame(b'[' * 1000)", id="deep-json"),
        pytest.param("frame({'task': 2, 'refused': 'UNDECODABLE_IMAGE'})", id="another-task"),
        pytest.param("frame({'task': 1, 'refused': 'PERMISSION_DENIED'})", id="another-refusal"),
        pytest.param("frame({'task': 1, 'width': 64, 'height': 48, 'pictures': []})", id="no-picture"),
        pytest.param("sys.stdout.buffer.write(b'\\xff' * 8); sys.stdout.buffer.flush()", id="endless-header"),
        pytest.param("sys.stdout.buffer.write(bytes(1 << 24)); sys.stdout.buffer.flush()", id="flood"),
        pytest.param("sys.exit(0)", id="exit"),
        pytest.param("frame({'task': 1})\nframe({'task': 1})", id="two-answers"),
    ],
)
async def test_nonsense_costs_the_worker_its_life(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    with monkeypatch.context() as lying:
        lie(lying, answer)
        async with PicturePool.open(workers=1) as pool:
            (pid,) = pool.pids
            lying.undo()
            with pytest.raises(UndecodableImage):
                await rendered(pool, 64, 48)
            assert (await rendered(pool, 64, 48)).width == 64
            assert pool.pids != (pid,)


async def test_a_photo_that_kills_two_workers_is_undecodable(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as lying:
        lie(lying, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
        async with PicturePool.open(workers=1) as pool:
            with pytest.raises(UndecodableImage):
                await rendered(pool, 64, 48)
            lying.undo()
            assert (await rendered(pool, 64, 48)).width == 64


async def test_no_pool_without_its_fences(monkeypatch: pytest.MonkeyPatch) -> None:
    lie(monkeypatch, "pass", hello="held.remove('rlimits') or True")
    with pytest.raises(DecoderLost):
        async with PicturePool.open(workers=2):
            pytest.fail("opened")


async def test_no_pool_without_a_hello(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures_process, "START_SECONDS", 0.2)
    lie(monkeypatch, "pass", hello="False")
    with pytest.raises(DecoderLost):
        async with PicturePool.open(workers=2):
            pytest.fail("opened")
