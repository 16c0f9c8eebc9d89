"""Upkeep against callers who take hold of the same media in the same moment."""

import asyncio
import random
from datetime import timedelta
from uuid import UUID

import grpc

from tests import pictures
from tests.conftest import Served
from tests.people import Person, face, refusal
from tests.stored import Stored
from tests.sweeping import swept

A_DAY_LATER = timedelta(hours=24, minutes=1)


async def claimed_or_gone(who: Person, media_id: str, turns: int) -> str | None:
    """Create a me-image after so many turns of the event loop; None where its media is gone."""
    for _ in range(turns):
        await asyncio.sleep(0)
    try:
        return (await who.create(media_id, face())).me_image_id
    except grpc.aio.AioRpcError as error:
        if refusal(error).reason != "MEDIA_NOT_FOUND":
            raise
        return None


async def test_a_claim_and_upkeep_at_once_end_in_one_of_both(
    alice: Person, served: Served, stored: Stored, seeded: random.Random
) -> None:
    """A hundred times: the me-image is there with all its bytes, or neither it nor its media is."""
    claimed = refusals = 0
    for number in range(100):
        photo = pictures.jpeg(50 + number, 40)
        media_id = (await alice.upload(photo)).media.media_id

        made, _ = await asyncio.gather(
            claimed_or_gone(alice, media_id, seeded.randint(0, 12)), swept(served, after=A_DAY_LATER)
        )
        left = await stored.database.fetchval("SELECT count(*) FROM media WHERE media_id = $1", UUID(media_id))
        if made is None:
            refusals += 1
            assert (left, stored.keys(f"me/{media_id}/")) == (0, set())
        else:
            claimed += 1
            assert left == 1
            assert (await alice.download(made))[1] == photo
    assert claimed + refusals == 100
    assert claimed, "no claim ever won: the race was none"
    assert refusals, "upkeep never won: the race was none"


async def test_an_upload_of_the_same_bytes_and_upkeep_at_once(
    alice: Person, served: Served, stored: Stored, seeded: random.Random
) -> None:
    """The upload always succeeds: with the media that was there, or with a new one."""
    for number in range(40):
        photo = pictures.jpeg(50, 40 + number)
        await stored.age_media((await alice.upload(photo)).media.media_id, "25 hours")

        async def again(photo: bytes = photo) -> str:
            for _ in range(seeded.randint(0, 12)):
                await asyncio.sleep(0)
            return (await alice.upload(photo, face())).me_image.me_image_id

        made, _ = await asyncio.gather(again(), swept(served))
        assert (await alice.download(made))[1] == photo
    assert await stored.media_states(alice.user_id) == ["ready"] * 40
