"""Bytes in memory: shared in the order of arrival, given back whatever happens."""

import asyncio
import random
from contextlib import AsyncExitStack

import pytest

from service.domain.errors import Overloaded
from service.rpc import budget
from service.rpc.budget import ByteBudget


class Hold:
    """A call that holds so much until it is told to end; made, it holds or waits."""

    def __init__(self, bytes_: ByteBudget, size: int, caller: str = "") -> None:
        self._bytes, self._size, self._caller, self._end = bytes_, size, caller, asyncio.Event()
        self.has_begun = False
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with self._bytes.hold(self._size, self._caller):
            self.has_begun = True
            await self._end.wait()

    async def end(self) -> None:
        self._end.set()
        await self.task

    async def give_up(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def begun(*calls: Hold) -> list[bool]:
    return [call.has_begun for call in calls]


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
    bytes_ = ByteBudget(10, 100)
    first, second, third = Hold(bytes_, 6), Hold(bytes_, 4), Hold(bytes_, 1)
    await turns()
    assert begun(first, second, third) == [True, True, False]
    await second.end()
    await turns()
    assert begun(third) == [True]
    await asyncio.gather(first.end(), third.end())
    assert await is_free(bytes_, 10)


async def test_a_large_transfer_is_not_starved_by_small_ones() -> None:
    bytes_ = ByteBudget(10, 100)
    first = Hold(bytes_, 5)
    await turns()
    large, *small = [Hold(bytes_, size) for size in (10, 1, 1, 1)]
    await turns()
    assert begun(large, *small) == [False] * 4
    await first.end()
    await turns()
    assert begun(large, *small) == [True, False, False, False]
    await asyncio.gather(large.end(), *(each.end() for each in small))


async def test_a_caller_who_gives_up_makes_room_for_those_behind_and_gives_nothing_away() -> None:
    bytes_ = ByteBudget(10, 100)
    first = Hold(bytes_, 5)
    await turns()
    large, small = Hold(bytes_, 10), Hold(bytes_, 5)
    await turns()
    assert begun(small) == [False]
    await large.give_up()
    await turns()
    assert begun(small) == [True]
    late = Hold(bytes_, 1)
    await turns()
    assert begun(late) == [False]
    await asyncio.gather(first.end(), small.end(), late.end())
    assert await is_free(bytes_, 10)


async def test_giving_up_at_the_moment_of_a_release_is_no_fault() -> None:
    bytes_ = ByteBudget(10, 100)
    async with AsyncExitStack() as held:
        await held.enter_async_context(bytes_.hold(10))
        waiting = Hold(bytes_, 6)
        await turns()
        waiting.task.cancel()
        await held.aclose()  # before the cancelled task has run again
    with pytest.raises(asyncio.CancelledError):
        await waiting.task
    assert await is_free(bytes_, 10)


async def test_giving_up_a_turn_that_was_just_given_passes_it_on() -> None:
    bytes_ = ByteBudget(10, 100)
    async with AsyncExitStack() as held:
        await held.enter_async_context(bytes_.hold(10))
        lucky, behind = Hold(bytes_, 10), Hold(bytes_, 10)
        await turns()
        await held.aclose()  # the turn is given
        lucky.task.cancel()  # before its task has run again
    await turns()
    assert begun(lucky, behind) == [False, True]
    await behind.end()
    assert await is_free(bytes_, 10)


async def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "WAIT_SECONDS", 0.02)
    bytes_ = ByteBudget(10, 100)
    first = Hold(bytes_, 10)
    await turns()
    with pytest.raises(Overloaded):
        await Hold(bytes_, 1).task
    await first.end()
    assert await is_free(bytes_, 10)


async def test_a_line_that_is_full_refuses_at_once() -> None:
    bytes_ = ByteBudget(10, 24)
    first, second, third = Hold(bytes_, 10), Hold(bytes_, 8), Hold(bytes_, 4)
    await turns()
    assert (begun(first, second, third), bytes_.held, bytes_.waiting) == ([True, False, False], 10, 2)
    with pytest.raises(Overloaded):
        async with bytes_.hold(1):
            pass
    await second.give_up()
    fourth = Hold(bytes_, 8)
    await turns()
    assert bytes_.waiting == 2
    await asyncio.gather(first.end(), third.end(), fourth.end())
    assert (bytes_.held, bytes_.waiting) == (0, 0)
    assert await is_free(bytes_, 10)


async def test_callers_take_turns_however_many_calls_one_has() -> None:
    bytes_ = ByteBudget(10, 100)
    greedy = [Hold(bytes_, 10, "greedy") for _ in range(5)]
    await turns()
    modest, other = Hold(bytes_, 10, "modest"), Hold(bytes_, 10, "other")
    await turns()
    order = []
    for _ in range(7):
        (now,) = [each for each in (*greedy, modest, other) if each.has_begun and not each.task.done()]
        order.append(now)
        await now.end()
        await turns()
    assert order == [greedy[0], greedy[1], modest, other, *greedy[2:]]
    assert await is_free(bytes_, 10)


async def test_one_caller_has_half_of_the_line() -> None:
    bytes_ = ByteBudget(10, 20)
    holding = Hold(bytes_, 10)
    await turns()
    first = Hold(bytes_, 10, "greedy")
    await turns()
    with pytest.raises(Overloaded):
        await bytes_.take(1, "greedy")
    second = Hold(bytes_, 10, "modest")
    await turns()
    assert bytes_.waiting == 2
    with pytest.raises(Overloaded):
        await bytes_.take(1, "other")
    await asyncio.gather(holding.end(), first.end(), second.end())
    assert await is_free(bytes_, 10)


async def test_without_a_line_nobody_waits() -> None:
    bytes_ = ByteBudget(10, 0)
    async with bytes_.hold(6):
        with pytest.raises(Overloaded):
            await bytes_.take(5)
        assert await is_free(bytes_, 4)


async def test_what_is_under_way_waits_behind_a_full_line() -> None:
    bytes_ = ByteBudget(10, 10)
    first, second = Hold(bytes_, 10), Hold(bytes_, 5)
    await turns()
    going_on = asyncio.create_task(bytes_.take(10, is_under_way=True))
    await turns()
    await asyncio.gather(first.end(), second.end())
    bytes_.give(await going_on)
    assert await is_free(bytes_, 10)


async def test_who_keeps_room_still_has_less_time_while_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "STILL_SECONDS", 0.02)
    bytes_ = ByteBudget(10, 100)

    async def keep_still() -> None:
        async with bytes_.hold(10), bytes_.write_within(60):
            await asyncio.Event().wait()

    first = asyncio.create_task(keep_still())
    await asyncio.wait([first], timeout=0.1)
    assert not first.done()
    second = asyncio.create_task(keep_still())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(first), 5)
    third = Hold(bytes_, 10)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(second), 5)
    await turns()
    assert begun(third) == [True]
    await third.end()
    assert await is_free(bytes_, 10)


async def test_what_is_larger_than_all_takes_its_turn_alone() -> None:
    bytes_ = ByteBudget(10, 100)
    first, large, last = Hold(bytes_, 4), Hold(bytes_, 25), Hold(bytes_, 1)
    await turns()
    assert begun(first, large, last) == [True, False, False]
    await first.end()
    await turns()
    assert begun(large, last) == [True, False]
    await large.end()
    await turns()
    assert begun(last) == [True]
    await last.end()
    assert await is_free(bytes_, 10)


async def test_a_fault_inside_gives_back() -> None:
    bytes_ = ByteBudget(10, 100)
    with pytest.raises(LookupError):
        async with bytes_.hold(10):
            raise LookupError
    assert await is_free(bytes_, 10)


async def test_nothing_is_lost_under_random_load(seeded: random.Random) -> None:
    bytes_, held = ByteBudget(100, 100_000), 0

    async def call() -> None:
        nonlocal held
        size, caller = seeded.randint(1, 100), seeded.choice("abc")
        async with bytes_.hold(size, caller):
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
    assert (bytes_.held, bytes_.waiting) == (0, 0)
    assert await is_free(bytes_, 100)
