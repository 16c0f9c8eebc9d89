"""Sealed objects in memory: always what the bucket has, never more than they may be, gone once they are removed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.kept_objects import LARGEST_BYTES, KeptObjects
from service.domain.erasure import ERASURES
from service.domain.objects import PREFIX
from service.ports.outside import ObjectMissing


class Bucket:
    """Port ObjectStore, in a dictionary; ``meanwhile`` happens while an object is on its way."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.gets = 0
        self.meanwhile: Callable[[], Awaitable[None]] = self.ping

    async def put(self, key: str, sealed: bytes) -> None:
        """See ObjectStore."""
        self.objects[key] = sealed

    async def get(self, key: str) -> bytes:
        """See ObjectStore."""
        self.gets += 1
        if key not in self.objects:
            raise ObjectMissing
        found = self.objects[key]
        await self.meanwhile()
        return found

    async def remove(self, keys: Iterable[str]) -> None:
        """See ObjectStore."""
        for key in keys:
            self.objects.pop(key, None)

    async def keys(self, prefix: str, after: str, limit: int) -> list[str]:
        """See ObjectStore."""
        return sorted(key for key in self.objects if key.startswith(prefix) and key > after)[:limit]

    async def ping(self) -> None:
        """See ObjectStore."""


async def read(objects: KeptObjects, key: str) -> bytes | None:
    try:
        return await objects.get(key)
    except ObjectMissing:
        return None


NAMES = st.integers(0, 5)
STEPS = st.lists(st.one_of(st.tuples(st.just("get"), NAMES), st.tuples(st.just("remove"), NAMES)), max_size=60)


@given(sizes=st.lists(st.integers(0, 60), min_size=6, max_size=6), steps=STEPS, most=st.integers(0, 150))
def test_it_is_the_bucket_and_bounded(sizes: list[int], steps: list[tuple[str, int]], most: int) -> None:
    async def run() -> None:
        bucket = Bucket()
        objects = KeptObjects(bucket, most)
        for name, size in enumerate(sizes):
            await objects.put(f"{PREFIX}{name}", bytes([name]) * size)
        for step, name in steps:
            key = f"{PREFIX}{name}"
            if step == "remove":
                await objects.remove([key])
            else:
                expected = bucket.objects.get(key)
                assert await read(objects, key) == expected
            assert 0 <= objects.held_bytes <= most
        assert objects.held_bytes == sum(len(sealed) for sealed in objects._kept.values())
        assert objects._kept.keys() <= bucket.objects.keys()

    asyncio.run(run())


async def test_what_was_asked_for_last_stays() -> None:
    bucket = Bucket()
    objects = KeptObjects(bucket, 2)
    for name in "abc":
        await objects.put(f"{PREFIX}{name}", b"1")
    for name in "abacab":
        await objects.get(f"{PREFIX}{name}")
    assert bucket.gets == 4, "b went for c, and c for b"
    assert (objects.kept_reads, objects.fetched_reads) == (2, 4)


@pytest.mark.parametrize("removed", ["it", "another"])
async def test_what_is_removed_while_it_is_on_its_way_is_not_kept(removed: str) -> None:
    bucket = Bucket()
    objects = KeptObjects(bucket, 100)
    key = f"{PREFIX}it"
    await objects.put(key, b"sealed")
    bucket.meanwhile = lambda: objects.remove([f"{PREFIX}{removed}"])
    assert await objects.get(key) == b"sealed"
    assert objects.held_bytes == 0


async def test_large_ones_and_certificates_are_not_kept() -> None:
    bucket = Bucket()
    objects = KeptObjects(bucket, 100 * LARGEST_BYTES)
    large, certificate = f"{PREFIX}large", f"{ERASURES}somebody.json"
    await objects.put(large, bytes(LARGEST_BYTES + 1))
    await objects.put(certificate, b"{}")
    for key in (large, certificate, large, certificate):
        await objects.get(key)
    assert (bucket.gets, objects.held_bytes) == (4, 0)
