"""Decoders that are killed or that hang: the call gets an answer, and the next one a new decoder."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import grpc
import pytest
from meimage.v1 import me_image_service_pb2 as rpc

from service.adapters.pictures import PicturePool
from tests import pictures
from tests.conftest import Serve, Served
from tests.people import Person, face, new_user_id, person, refusal
from tests.stored import Stored
from tests.tokens import Issuer


@pytest.fixture(scope="module")
async def fragile(serve: Serve) -> AsyncIterator[Served]:
    """A server of its own, whose decoders have a second for each photo."""
    async with serve(decoder_seconds=1.0) as running:
        yield running


@pytest.fixture
def dora(fragile: Served, issuer: Issuer) -> Person:
    user_id = new_user_id()
    return person(fragile.channel, issuer.user(user_id), user_id)


def signal_all(served: Served, number: signal.Signals) -> None:
    pool = served.built.world.pictures
    assert isinstance(pool, PicturePool)
    for pid in pool.pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def outcome(upload: "asyncio.Task[rpc.UploadMeImageResponse]") -> str:
    """Return OK, or the reason of the refusal."""
    try:
        await upload
    except grpc.aio.AioRpcError as error:
        return refusal(error).reason
    return "OK"


async def test_decoders_that_are_killed_while_they_idle_are_replaced(fragile: Served, dora: Person) -> None:
    for number in range(5):
        signal_all(fragile, signal.SIGKILL)
        results = [await outcome(asyncio.create_task(dora.upload(pictures.jpeg(50 + number, 50)))) for _ in range(3)]
        assert results[-1] == "OK"
        assert set(results) <= {"OK", "UNDECODABLE_IMAGE"}


async def test_decoders_that_are_killed_at_work_cost_their_call_and_no_other(
    fragile: Served, dora: Person, stored: Stored, seeded: random.Random
) -> None:
    photos = [pictures.noise_jpeg(900 + number, 700) for number in range(16)]
    uploads = [asyncio.create_task(dora.upload(photo, face())) for photo in photos]
    for _ in range(6):
        await asyncio.wait(uploads, timeout=seeded.uniform(0.02, 0.12), return_when=asyncio.FIRST_COMPLETED)
        signal_all(fragile, signal.SIGKILL)
    async with asyncio.timeout(60):
        results = [await outcome(upload) for upload in uploads]
    assert set(results) <= {"OK", "UNDECODABLE_IMAGE", "OVERLOADED"}
    good = results.count("OK")
    rows = await stored.rows(dora.user_id)
    assert rows.get("me_images", 0) == rows.get("media", 0) == good
    assert len(await stored.keys_of(dora.user_id)) == 2 * good
    made = (await dora.upload(photos[0], face("after"))).me_image
    assert (await dora.download(made.me_image_id))[1] == photos[0]


async def test_decoders_that_hang_are_given_up_and_replaced(fragile: Served, dora: Person) -> None:
    await dora.upload(pictures.jpeg(70, 60))
    signal_all(fragile, signal.SIGSTOP)
    uploads = [asyncio.create_task(dora.upload(pictures.jpeg(80 + number, 60))) for number in range(2)]
    async with asyncio.timeout(20):
        assert [await outcome(upload) for upload in uploads] == ["UNDECODABLE_IMAGE"] * 2
        assert (await dora.upload(pictures.jpeg(80, 60), face("after"))).me_image.label == "after"
