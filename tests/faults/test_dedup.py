"""The same bytes are stored once for a user, and never told equal across users."""

import asyncio
from datetime import timedelta

from tests import pictures
from tests.conftest import Served
from tests.people import Person, face
from tests.stored import Stored
from tests.sweeping import swept

PHOTO = pictures.jpeg(100, 80)


async def test_the_same_bytes_again_are_the_same_media(alice: Person, stored: Stored) -> None:
    first = (await alice.upload(PHOTO, filename="first.jpg")).media
    again = await alice.upload(PHOTO, face("again"), filename="again.jpg")
    assert again.media == first
    assert again.me_image.media == first
    rows = await stored.rows(alice.user_id)
    assert (rows["media"], rows["renditions"], rows["me_images"]) == (1, 1, 1)
    assert len(await stored.keys_of(alice.user_id)) == 2


async def test_other_bytes_are_another_media(alice: Person) -> None:
    one = (await alice.upload(PHOTO)).media
    other = (await alice.upload(PHOTO + b"\0")).media
    assert one.media_id != other.media_id


async def test_two_users_share_nothing(alice: Person, bob: Person, stored: Stored) -> None:
    of_alice, of_bob = [(await person.upload(PHOTO, face())).media for person in (alice, bob)]
    assert of_alice.media_id != of_bob.media_id
    query = "SELECT content_digest, sealed_facts FROM media WHERE user_id = $1"
    row_of_alice, row_of_bob = [await stored.database.fetchrow(query, each.user_id) for each in (alice, bob)]
    assert row_of_alice is not None
    assert row_of_bob is not None
    assert row_of_alice["content_digest"] != row_of_bob["content_digest"]
    assert row_of_alice["sealed_facts"] != row_of_bob["sealed_facts"]
    assert bytes.fromhex(of_alice.sha256) not in (row_of_alice["content_digest"], row_of_bob["content_digest"])
    assert not await stored.keys_of(alice.user_id) & await stored.keys_of(bob.user_id)


async def test_equal_objects_are_sealed_differently(alice: Person, bob: Person, served: Served) -> None:
    media = [(await person.upload(PHOTO, face())).media.media_id for person in (alice, bob)]
    sealed = [await served.built.objects.get(f"me/{media_id}/original") for media_id in media]
    assert len({len(each) for each in sealed}) == 1
    assert sealed[0][9:] != sealed[1][9:]
    assert PHOTO[100:160] not in sealed[0] + sealed[1]


async def test_the_same_bytes_many_times_at_once(alice: Person, served: Served, stored: Stored) -> None:
    answers = await asyncio.gather(*(alice.upload(PHOTO, face(f"number {number}")) for number in range(20)))
    assert len({answer.media.media_id for answer in answers}) == 1
    assert len({answer.me_image.me_image_id for answer in answers}) == 20
    assert (await stored.media_states(alice.user_id)).count("ready") == 1
    await swept(served, after=timedelta(hours=2))
    assert await stored.media_states(alice.user_id) == ["ready"]
    assert len(await stored.keys_of(alice.user_id)) == 2
    for answer in answers:
        assert (await alice.download(answer.me_image.me_image_id))[1] == PHOTO
