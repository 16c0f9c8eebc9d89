"""Uploads that arrive: a stalled one holds what it has sent, and keeps nobody waiting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from service.domain.errors import MeImageError, Overloaded, UploadStalled
from service.rpc import arrivals
from service.rpc.arrivals import FIRST_BYTES
from service.rpc.transfers import Transfers
from tests.waiting import until

MIB = 1024 * 1024
FIRST = bytes(FIRST_BYTES)


class Upload:
    """An upload whose chunks come when the test says so."""

    def __init__(self, room: Transfers, announced: int, caller: str = "") -> None:
        self._room, self._announced, self._caller = room, announced, caller
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._stay = asyncio.Event()
        self.came = 0
        self.is_whole = False
        self.task = asyncio.create_task(self._run())

    async def _sent(self) -> AsyncIterator[bytes]:
        while (chunk := await self._chunks.get()) is not None:
            yield chunk

    async def _run(self) -> None:
        async with self._room.arrivals.upload(self._announced, self._caller) as arriving:
            async for chunk in arriving.taken_in(self._sent()):
                self.came += len(chunk)
            self.is_whole = True
            await self._stay.wait()

    def sends(self, *chunks: bytes | None) -> "Upload":
        """Send chunks; None is the end."""
        for chunk in chunks:
            self._chunks.put_nowait(chunk)
        return self

    async def is_stored(self) -> None:
        """Let it end."""
        self._stay.set()
        await self.task

    async def is_cancelled(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError, MeImageError):
            await self.task


async def turns(count: int = 8) -> None:
    """Let all tasks run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


def standing(room: Transfers) -> tuple[int, int, int]:
    figures = room.figures()
    return figures.held, figures.arriving, figures.waiting


@pytest.fixture
def room() -> Transfers:
    """Room for one photo of 10 MiB, and for another one to wait."""
    return Transfers(10 * MIB, 20 * MIB)


async def test_a_header_alone_holds_nothing_and_a_little_holds_a_little(room: Transfers) -> None:
    silent, begun = Upload(room, 10 * MIB), Upload(room, 10 * MIB).sends(b"x" * 100)
    await turns()
    assert standing(room) == (0, 100, 0)
    honest = Upload(room, 10 * MIB).sends(*[bytes(MIB)] * 10, None)
    await turns(40)
    assert honest.is_whole
    assert standing(room) == (10 * MIB, 100, 0)
    await asyncio.gather(honest.is_stored(), silent.is_cancelled(), begun.is_cancelled())
    assert standing(room) == (0, 0, 0)


async def test_the_second_message_waits_for_room_for_all(room: Transfers) -> None:
    first = Upload(room, 10 * MIB).sends(FIRST, b"x")
    second = Upload(room, 10 * MIB).sends(FIRST, b"x")
    third = Upload(room, 10 * MIB).sends(FIRST, b"x")
    with pytest.raises(Overloaded):
        await third.task
    assert (first.came, second.came, third.came) == (FIRST_BYTES + 1, FIRST_BYTES, FIRST_BYTES)
    assert standing(room) == (10 * MIB, FIRST_BYTES + 1, 1)
    await first.is_cancelled()
    await turns()
    assert second.came == FIRST_BYTES + 1
    assert standing(room) == (10 * MIB, 0, 0)
    await second.is_cancelled()
    assert standing(room) == (0, 0, 0)


async def test_what_was_announced_and_did_not_come_is_given_back(room: Transfers) -> None:
    upload = Upload(room, 10 * MIB).sends(bytes(MIB), None)
    await turns()
    assert upload.is_whole
    assert standing(room) == (MIB, 0, 0)
    await upload.is_stored()
    assert standing(room) == (0, 0, 0)


async def test_one_that_stalls_later_makes_room_and_may_go_on(room: Transfers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "LULL_SECONDS", 0.05)
    slow = Upload(room, 10 * MIB).sends(bytes(MIB))
    await turns()
    assert standing(room) == (10 * MIB, 0, 0)
    honest = Upload(room, 10 * MIB).sends(*[bytes(MIB)] * 10, None)
    await until(lambda: honest.is_whole, 5)
    assert standing(room) == (10 * MIB, MIB, 0)
    slow.sends(bytes(MIB), bytes(MIB), None)
    await turns()
    assert (slow.is_whole, slow.came) == (True, 3 * MIB)
    assert standing(room) == (10 * MIB, 3 * MIB, 0)
    await asyncio.gather(slow.is_stored(), honest.is_stored())
    assert standing(room) == (0, 0, 0)


async def test_a_trickle_is_slow_however_often_it_comes(room: Transfers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "LULL_SECONDS", 0.1)
    upload = Upload(room, 10 * MIB).sends(FIRST, b"x")
    await turns()
    assert standing(room)[0] == 10 * MIB

    async def trickles() -> bool:
        upload.sends(b"x")
        await turns()
        return standing(room)[0] == 0

    await until(trickles, 5)
    await upload.is_cancelled()
    assert standing(room) == (0, 0, 0)


async def test_slow_ones_have_their_own_bound(room: Transfers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of as much again; beyond it a slow one keeps the place that it has, and is refused what it has not."""
    monkeypatch.setattr(arrivals, "LULL_SECONDS", 0.05)
    first = Upload(room, 10 * MIB).sends(bytes(MIB), *[bytes(MIB)] * 3)
    await until(lambda: standing(room) == (0, 4 * MIB, 0), 5)
    second = Upload(room, 10 * MIB).sends(FIRST, bytes(MIB - FIRST_BYTES), bytes(MIB))
    await until(lambda: second.came == 2 * MIB, 5)
    third = Upload(room, 9 * MIB).sends(bytes(MIB))
    first.sends(bytes(MIB), b"x")
    with pytest.raises(Overloaded):
        await asyncio.wait_for(first.task, 5)
    assert standing(room)[0] + standing(room)[1] <= 15 * MIB
    await asyncio.gather(second.is_cancelled(), third.is_cancelled())
    assert standing(room) == (0, 0, 0)


async def test_one_caller_leaves_room_for_others(room: Transfers) -> None:
    greedy = [Upload(room, FIRST_BYTES, "greedy").sends(FIRST) for _ in range(20)]
    await turns()
    with pytest.raises(Overloaded):
        await Upload(room, 1, "greedy").sends(b"x", None).task
    modest = Upload(room, 10 * MIB, "modest").sends(*[bytes(MIB)] * 10, None)
    await turns(40)
    assert modest.is_whole
    await asyncio.gather(modest.is_stored(), *(each.is_cancelled() for each in greedy))
    assert standing(room) == (0, 0, 0)


async def test_a_slow_one_without_other_room_goes_when_somebody_waits(
    room: Transfers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "LULL_SECONDS", 0.05)
    slow = Upload(room, 10 * MIB, "greedy").sends(FIRST, *[bytes(MIB)] * 6)
    await until(lambda: slow.came > 6 * MIB, 5)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(slow.task), 0.2)
    assert standing(room) == (10 * MIB, 0, 0)
    honest = Upload(room, 10 * MIB, "modest").sends(*[bytes(MIB)] * 10, None)
    with pytest.raises(UploadStalled):
        await asyncio.wait_for(slow.task, 5)
    await until(lambda: honest.is_whole, 5)
    await honest.is_stored()
    assert standing(room) == (0, 0, 0)
