"""An upload that breaks off anywhere is absent or whole, and upkeep leaves nothing of it behind."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from service.adapters.postgres.database import Database
from service.adapters.postgres.store import PostgresStore
from service.config import Settings
from service.domain.callers import UPKEEP
from service.domain.errors import StorageUnavailable
from service.domain.model import Kind, NewMeImage, RequestId, Usage, UserId
from service.usecases.receive import Photo, UploadHeader
from service.usecases.upload import Upload, store_upload
from service.usecases.world import World
from tests import pictures
from tests.conftest import Served
from tests.faults.breaking import Breaking, Hook, away
from tests.people import Person, face
from tests.proxy import socket_of, through, wire_to
from tests.stored import Stored
from tests.sweeping import swept

CONTENT = pictures.jpeg(200, 150)
PHOTO = Photo(CONTENT, hashlib.sha256(CONTENT).hexdigest())
NEW = NewMeImage(Kind.FACE, "label", (), Usage(), ())


@pytest.fixture
def header(alice: Person, request_id: str) -> UploadHeader:
    return UploadHeader(UserId(alice.user_id), "me.jpg", None, None, RequestId(UUID(request_id)), NEW)


def breaking(served: Served, **hooks: Hook) -> World:
    world = served.built.world
    return replace(world, objects=Breaking(world.objects, **hooks))


async def assert_swept_and_retryable(alice: Person, served: Served, stored: Stored, request_id: str) -> None:
    """Nothing is left after upkeep, and the retry succeeds as if nothing had been."""
    assert (await alice.page()).me_images == []
    await swept(served, after=timedelta(minutes=30))
    assert await stored.media_states(alice.user_id) == ["pending"], "it might still be on its way"
    keys = await stored.keys_of(alice.user_id)
    await swept(served, after=timedelta(hours=2))
    assert await stored.rows(alice.user_id) == {"users": 1}
    assert not keys & stored.keys()
    answer = await alice.upload(CONTENT, face("label"), request_id=request_id)
    assert (await alice.download(answer.me_image.me_image_id))[1] == CONTENT
    assert len(await stored.keys_of(alice.user_id)) == 2


@pytest.mark.parametrize(
    "hooks",
    [
        {"before_put": away("")},
        {"before_put": away("original")},
        {"before_put": away("webp-320")},
        {"after_put": away("original")},
        {"after_put": away("webp-320")},
    ],
    ids=["no object", "no original", "no thumbnail", "original unanswered", "thumbnail unanswered"],
)
async def test_the_object_store_goes_away(
    alice: Person, served: Served, stored: Stored, header: UploadHeader, hooks: dict[str, Hook]
) -> None:
    with pytest.raises(StorageUnavailable):
        await store_upload(breaking(served, **hooks), Upload(UPKEEP, header, PHOTO))
    await assert_swept_and_retryable(alice, served, stored, str(header.request_id))


async def test_the_call_is_cancelled_between_the_objects_and_the_row(
    alice: Person, served: Served, stored: Stored, header: UploadHeader
) -> None:
    reached = asyncio.Event()

    async def stay(_: str) -> None:
        reached.set()
        await asyncio.Event().wait()

    call = asyncio.create_task(store_upload(breaking(served, after_put=stay), Upload(UPKEEP, header, PHOTO)))
    await reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await assert_swept_and_retryable(alice, served, stored, str(header.request_id))


async def test_the_database_goes_away_between_the_objects_and_the_row(
    alice: Person, served: Served, stored: Stored, header: UploadHeader, settings: Settings
) -> None:
    async with wire_to(socket_of(settings.database_url.get_secret_value())) as wire:
        url = through(settings.database_url.get_secret_value(), wire)
        async with Database.connect(url, connections=2) as database:

            async def cut(_: str) -> None:
                await wire.cut()

            world = replace(breaking(served, after_put=cut), store=PostgresStore(database))
            with pytest.raises(StorageUnavailable):
                await store_upload(world, Upload(UPKEEP, header, PHOTO))
    await assert_swept_and_retryable(alice, served, stored, str(header.request_id))


async def test_upkeep_overtakes_an_upload_that_takes_too_long(
    alice: Person, served: Served, stored: Stored, header: UploadHeader
) -> None:
    late: list[str] = []

    async def sweep(key: str) -> None:
        late.append(key)
        await swept(served, after=timedelta(hours=2))

    with pytest.raises(StorageUnavailable):
        await store_upload(breaking(served, before_put=sweep), Upload(UPKEEP, header, PHOTO))
    await served.built.objects.remove(late)  # put hours late: nothing but this test would remove them
    assert await stored.media_states(alice.user_id) == []
    answer = await alice.upload(CONTENT, face("label"), request_id=str(header.request_id))
    assert (await alice.download(answer.me_image.me_image_id))[1] == CONTENT
