"""Upkeep and deleted me-images: what goes for good, what stays, and who comes back in the last moment."""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from service.domain.errors import StorageUnavailable
from service.settled import retention
from service.usecases.upkeep import upkeep
from tests import pictures, rules
from tests.conftest import Served
from tests.invariants import sound
from tests.people import Person, face, refusal, refused
from tests.stored import Stored
from tests.sweeping import later, swept

MONTH, MINUTE = timedelta(days=30), timedelta(minutes=1)


@pytest.fixture
async def mine(alice: Person) -> pb.MeImage:
    return (await alice.upload(pictures.png(), face("mine"))).me_image


class NoBucket:
    """A bucket that is away when something is to be removed."""

    async def remove(self, keys: Iterable[str]) -> None:
        """See ObjectStore."""
        assert list(keys)
        raise StorageUnavailable

    async def ping(self) -> None:
        """See ObjectStore."""
        raise StorageUnavailable


async def test_it_goes_when_its_time_has_come_and_not_before(
    alice: Person, mine: pb.MeImage, served: Served, stored: Stored
) -> None:
    await rules.delete(alice, mine.me_image_id)
    before = await stored.rows(alice.user_id), await stored.keys_of(alice.user_id)
    await swept(served, MONTH - MINUTE)
    assert (await stored.rows(alice.user_id), await stored.keys_of(alice.user_id)) == before
    report = await swept(served, MONTH + MINUTE)
    assert report.me_images >= 1
    assert report.objects >= 2
    assert not stored.keys(f"me/{mine.media.media_id}/")
    rows = await stored.rows(alice.user_id)
    assert rows.keys() & {"me_images", "media", "renditions", "primary_slots"} == set()
    assert len(before[1]) == 2
    assert rules.facts(await rules.events(alice)) == ["added", "deleted", "purged"]
    for call in (alice.get(mine.me_image_id), rules.undelete(alice, mine.me_image_id)):
        assert (await refused(call)).reason == "ME_IMAGE_NOT_FOUND"


async def test_what_is_not_deleted_stays(alice: Person, mine: pb.MeImage, served: Served, stored: Stored) -> None:
    await rules.delete(alice, mine.me_image_id)
    back = await rules.undelete(alice, mine.me_image_id)
    await swept(served, MONTH + MINUTE)
    assert await alice.get(mine.me_image_id) == back
    assert (await alice.download(mine.me_image_id))[1] == pictures.png()
    assert len(await stored.keys_of(alice.user_id)) == 2


@pytest.mark.parametrize("other_is_deleted", [False, True], ids=["in the pool", "deleted later"])
async def test_media_that_another_one_uses_stays(
    alice: Person, mine: pb.MeImage, served: Served, stored: Stored, other_is_deleted: bool
) -> None:
    other = await alice.create(mine.media.media_id, face("other"))
    await rules.delete(alice, mine.me_image_id)
    await stored.database.execute(
        "UPDATE me_images SET purge_at = purge_at - interval '1 hour' WHERE me_image_id = $1", mine.me_image_id
    )
    if other_is_deleted:
        await rules.delete(alice, other.me_image_id)
    await swept(served, MONTH - MINUTE)
    assert (await refused(alice.get(mine.me_image_id))).reason == "ME_IMAGE_NOT_FOUND"
    await rules.undelete(alice, other.me_image_id)
    assert (await alice.download(other.me_image_id))[1] == pictures.png()
    assert await stored.media_states(alice.user_id) == ["ready"]


async def test_a_bucket_that_is_away_is_gone_back_to(
    alice: Person, mine: pb.MeImage, served: Served, stored: Stored
) -> None:
    await rules.delete(alice, mine.me_image_id)
    world = replace(later(served.built.world, MONTH + MINUTE), objects=NoBucket())  # type: ignore[arg-type]
    with pytest.raises(StorageUnavailable):
        await upkeep(world, retention(served.settings))
    assert await stored.media_states(alice.user_id) == ["condemned"]
    assert len(await stored.keys_of(alice.user_id)) == 2
    await swept(served, MONTH + MINUTE)
    assert await stored.media_states(alice.user_id) == []
    assert not stored.keys(f"me/{mine.media.media_id}/")


async def test_the_same_photo_may_come_again(alice: Person, mine: pb.MeImage, served: Served) -> None:
    await rules.delete(alice, mine.me_image_id)
    await swept(served, MONTH + MINUTE)
    again = (await alice.upload(pictures.png(), face("again"))).me_image
    assert again.media.media_id != mine.media.media_id
    assert (await alice.download(again.me_image_id))[1] == pictures.png()


async def test_who_comes_back_in_the_last_moment_is_back_whole_or_gone_whole(
    alice: Person, served: Served, stored: Stored, seeded: random.Random
) -> None:
    photos = [pictures.jpeg(40 + number, 40) for number in range(12)]
    made = [(await alice.upload(photo, face())).me_image.me_image_id for photo in photos]
    for me_image_id in made:
        await rules.delete(alice, me_image_id)

    async def came_back(me_image_id: str) -> str:
        try:
            await rules.undelete(alice, me_image_id)
        except grpc.aio.AioRpcError as error:
            return refusal(error).reason
        return "OK"

    seeded.shuffle(made)
    _, *answers = await asyncio.gather(swept(served, MONTH + MINUTE), *map(came_back, made))
    assert set(answers) <= {"OK", "ME_IMAGE_NOT_FOUND"}
    back = {me_image_id for me_image_id, answer in zip(made, answers, strict=True) if answer == "OK"}
    pool = await sound(alice, stored.database)
    assert (set(pool.kinds), pool.deleted) == (back, set())
    listed = (await alice.page(rpc.ListMeImagesRequest(include_deleted=True))).me_images
    assert {each.me_image_id for each in listed} == back
    for me_image_id in back:
        assert (await alice.download(me_image_id))[1] in photos
    assert len(await stored.keys_of(alice.user_id)) == 2 * len(back)
