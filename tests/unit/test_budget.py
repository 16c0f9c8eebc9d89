"""Bytes in memory: shared in the order of arrival, given back whatever happens."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.domain.errors import Overloaded
from service.rpc import budget
from service.rpc.budget import ByteBudget


@asynccontextmanager
async def holding(bytes_: ByteBudget, size: int) -> AsyncIterator[asyncio.Task[None]]:
    """A call that holds so much until the block ends; the block begins when it holds, or waits."""
    release = asyncio.Event()

    async def hold() -> None:
        async with bytes_.hold(size):
            await release.wait()

    task = asyncio.create_task(hold())
    await turns()
    try:
        yield task
    finally:
        release.set()
        await asyncio.gather(task, return_exceptions=True)


async def turns(count: int = 5) -> None:
    """Let all tasks run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def is_free(bytes_: ByteBudget, size: int) -> bool:
    """Whether so much can be held at once."""
    async with asyncio.timeout(1):
        async with bytes_.hold(size):
            return True


async def test_as_much_as_there_is_and_no_more() -> None:
    bytes_, done = ByteBudget(10), []

    async def third() -> None:
        async with bytes_.hold(1):
            done.append("third")

    async with holding(bytes_, 6), holding(bytes_, 4):
        waiting = asyncio.create_task(third())
        await turns()
        assert not done
    await waiting
    assert done == ["third"]


async def test_a_large_transfer_is_not_starved_by_small_ones() -> None:
    bytes_, order = ByteBudget(10), []

    async def take(size: int, name: str) -> None:
        async with bytes_.hold(size):
            order.append(name)

    async with holding(bytes_, 5):
        tasks = [asyncio.create_task(take(10, "large"))]
        await turns()
        tasks += [asyncio.create_task(take(1, f"small {number}")) for number in range(5)]
        await turns()
        assert order == []
    await asyncio.gather(*tasks)
    assert order[0] == "large"


async def test_a_caller_who_gives_up_takes_nothing_along() -> None:
    bytes_ = ByteBudget(10)
    async with holding(bytes_, 10):
        async with holding(bytes_, 4) as waiting, holding(bytes_, 6) as behind:
            waiting.cancel()
            await turns()
            assert waiting.cancelled()
            assert not behind.done()
    assert await is_free(bytes_, 10)


async def test_giving_up_at_the_moment_of_a_release_is_no_fault() -> None:
    bytes_ = ByteBudget(10)
    async with holding(bytes_, 4) as waiting_after:
        assert not waiting_after.done()
        async with holding(bytes_, 6):
            held = bytes_.hold(6)
            task = asyncio.create_task(held.__aenter__())
            await turns()
            task.cancel()  # and the release follows before the task has run again
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await is_free(bytes_, 10)


async def test_a_turn_that_came_too_late_is_passed_on() -> None:
    bytes_ = ByteBudget(10)
    async with holding(bytes_, 10) as first:
        async with holding(bytes_, 10) as second, holding(bytes_, 10) as third:
            first.cancel()
            await asyncio.sleep(0)
            second.cancel()
            await turns()
            assert not third.done()
    assert await is_free(bytes_, 10)


async def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "WAIT_SECONDS", 0.02)
    bytes_ = ByteBudget(10)
    async with holding(bytes_, 10):
        with pytest.raises(Overloaded):
            async with bytes_.hold(1):
                pass
    assert await is_free(bytes_, 10)


async def test_a_fault_inside_gives_back() -> None:
    bytes_ = ByteBudget(10)
    with pytest.raises(LookupError):
        async with bytes_.hold(10):
            raise LookupError
    assert await is_free(bytes_, 10)


async def test_nothing_is_lost_under_random_load(seeded: random.Random) -> None:
    bytes_, held = ByteBudget(100), 0

    async def call() -> None:
        nonlocal held
        size = seeded.randint(1, 100)
        async with bytes_.hold(size):
            held += size
            assert held <= 100
            try:
                await turns(seeded.randint(0, 3))
            finally:
                held -= size

    calls = [asyncio.create_task(call()) for _ in range(300)]
    while not all(each.done() for each in calls):
        seeded.choice(calls).cancel()
        await turns(seeded.randint(1, 3))
    assert all(each.cancelled() or each.exception() is None for each in calls)
    assert await is_free(bytes_, 100)
