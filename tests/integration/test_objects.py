"""The object store: whole objects in single requests, and quick words when it is away."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from service.adapters.objects import S3Objects
from service.config import Settings
from service.domain.errors import StorageUnavailable
from service.ports.outside import ObjectMissing
from service.settled import bucket_address
from tests.proxy import wire_to

MIB = 1024 * 1024


@pytest.fixture
async def objects(settings: Settings) -> AsyncIterator[S3Objects]:
    async with S3Objects.connect(bucket_address(settings), connections=4) as connected:
        yield connected


@pytest.fixture
def key() -> str:
    return f"tests/{uuid.uuid4()}"


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 5 * MIB + 1, 10 * MIB + 89])
async def test_what_was_put_is_got_whole(objects: S3Objects, key: str, size: int) -> None:
    sealed = os.urandom(size)
    await objects.put(key, sealed)
    assert await objects.get(key) == sealed


async def test_a_second_put_replaces_the_first(objects: S3Objects, key: str) -> None:
    await objects.put(key, b"first, and longer")
    await objects.put(key, b"second")
    assert await objects.get(key) == b"second"


async def test_what_was_removed_is_missing_and_removing_it_again_is_no_error(objects: S3Objects, key: str) -> None:
    keys = [f"{key}/original", f"{key}/webp-320"]
    for each in keys:
        await objects.put(each, b"sealed")
    await objects.remove(keys)
    for each in keys:
        with pytest.raises(ObjectMissing):
            await objects.get(each)
    await objects.remove(keys)
    await objects.remove([])


async def test_keys_come_in_pages_of_their_prefix_alone(objects: S3Objects, key: str) -> None:
    wanted = [f"{key}/{number:02}.json" for number in range(7)]
    for each in (*wanted, f"{key}-beside"):
        await objects.put(each, b"sealed")
    for size in (1, 3, 7, 100):
        found: list[str] = []
        while page := await objects.keys(f"{key}/", found[-1] if found else "", size):
            assert len(page) <= size
            found += page
        assert found == wanted
    assert await objects.keys(f"{key}/none", "", 10) == []


async def test_the_largest_photo_goes_in_one_request(
    objects: S3Objects, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[str] = []
    send = objects._client._http.urlopen

    def urlopen(method: str, url: str, *args: object, **kwargs: object) -> object:
        requests.append(f"{method} {url.partition('?')[2]}")
        return send(method, url, *args, **kwargs)  # type: ignore[arg-type] # handed on as they came

    monkeypatch.setattr(objects._client._http, "urlopen", urlopen)
    await objects.put(key, bytes(10 * MIB + 89))
    assert requests == ["PUT "]


async def test_many_at_once(objects: S3Objects, key: str) -> None:
    contents = {f"{key}/{number}": os.urandom(20_000) for number in range(40)}
    await asyncio.gather(*(objects.put(name, content) for name, content in contents.items()))
    got = await asyncio.gather(*(objects.get(name) for name in contents))
    assert list(got) == list(contents.values())
    await objects.remove(contents)


async def assert_unavailable(objects: S3Objects, key: str) -> None:
    """Whatever is asked of it."""
    with pytest.raises(StorageUnavailable):
        await objects.put(key, b"sealed")
    with pytest.raises(StorageUnavailable):
        await objects.get(key)
    with pytest.raises(StorageUnavailable):
        await objects.remove([key])
    with pytest.raises(StorageUnavailable):
        await objects.ping()


@pytest.mark.parametrize("changed", [{"access_key": "nobody"}, {"secret_key": "wrong"}], ids=["who", "secret"])
async def test_a_store_that_refuses_us_is_unavailable(settings: Settings, key: str, changed: dict[str, str]) -> None:
    address = replace(bucket_address(settings), **changed)  # type: ignore[arg-type] # all of them are texts
    async with S3Objects.connect(address, connections=1) as objects:
        await assert_unavailable(objects, key)


async def test_without_its_bucket_it_is_not_there(settings: Settings) -> None:
    address = replace(bucket_address(settings), bucket=f"none-{uuid.uuid4()}")
    async with S3Objects.connect(address, connections=1) as objects:
        with pytest.raises(StorageUnavailable):
            await objects.ping()


async def test_a_store_that_is_away_is_unavailable_within_seconds(settings: Settings, key: str) -> None:
    address = replace(bucket_address(settings), endpoint="127.0.0.1:1")
    async with S3Objects.connect(address, connections=1) as objects, asyncio.timeout(8):
        await assert_unavailable(objects, key)


async def test_a_store_that_comes_back_is_used_again(settings: Settings, key: str) -> None:
    host, _, port = settings.s3_endpoint.partition(":")
    async with wire_to((host, int(port))) as wire:
        address = replace(bucket_address(settings), endpoint=wire.endpoint)
        async with S3Objects.connect(address, connections=2) as objects:
            await objects.put(key, b"before")
            await wire.cut()
            with pytest.raises(StorageUnavailable):
                await objects.get(key)
            await wire.join()
            assert await objects.get(key) == b"before"


async def test_the_keys_are_not_shown(settings: Settings) -> None:
    address = bucket_address(settings)
    assert address.secret_key not in repr(address)
    assert address.access_key not in repr(address)


async def test_an_existing_bucket_is_left_as_it_is(objects: S3Objects, key: str) -> None:
    await objects.put(key, b"sealed")
    await objects.make_bucket()
    assert await objects.get(key) == b"sealed"
    await objects.ping()


async def test_closing_waits_for_requests_on_their_way_without_holding_up_anything_else(
    settings: Settings, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.adapters.objects.READ_SECONDS", 0.3)
    monkeypatch.setattr("service.adapters.objects.RETRIES", 0)
    asked = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with silent:
        async with S3Objects.connect(
            replace(bucket_address(settings), endpoint=f"127.0.0.1:{port}"), connections=1
        ) as objects:
            waiting = asyncio.create_task(objects.get(key))
            await asked.wait()
            elsewhere = asyncio.create_task(asyncio.sleep(0.05, "done meanwhile"))
        assert elsewhere.done()
        with pytest.raises(StorageUnavailable):
            await waiting
