"""Upkeep removes what nobody uses, nothing that anybody uses, and goes on where it was interrupted."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from service.commands import upkeep as command
from service.settled import retention
from service.usecases.upkeep import upkeep
from tests import pictures
from tests.conftest import Served
from tests.faults.breaking import Breaking, away
from tests.people import Person, face, refused
from tests.stored import Stored
from tests.sweeping import later, swept

PHOTO = pictures.jpeg(120, 90)
DAY = timedelta(hours=24)
MINUTE = timedelta(minutes=1)


async def test_media_that_nobody_claims_goes_after_a_day(alice: Person, served: Served, stored: Stored) -> None:
    await alice.upload(PHOTO)
    keys = await stored.keys_of(alice.user_id)
    assert len(keys) == 2
    await swept(served, after=DAY - MINUTE)
    assert await stored.keys_of(alice.user_id) == keys
    report = await swept(served, after=DAY + MINUTE)
    assert report.media >= 1
    assert report.objects >= 2
    assert await stored.rows(alice.user_id) == {"users": 1}
    assert not keys & stored.keys()


async def test_claimed_media_stays_for_ever(alice: Person, served: Served, stored: Stored) -> None:
    media_id = (await alice.upload(PHOTO)).media.media_id
    made = await alice.create(media_id, face("later claimed"))
    at_once = (await alice.upload(pictures.png(), face("claimed"))).me_image
    before = await stored.rows(alice.user_id)
    await swept(served, after=3650 * DAY)
    assert await stored.rows(alice.user_id) == {name: count for name, count in before.items() if name != "events"}
    for me_image, photo in ((made, PHOTO), (at_once, pictures.png())):
        assert (await alice.download(me_image.me_image_id))[1] == photo


async def test_uploading_again_begins_the_day_anew(alice: Person, served: Served, stored: Stored) -> None:
    media = (await alice.upload(PHOTO)).media
    await stored.age_media(media.media_id, "23 hours")
    assert (await alice.upload(PHOTO)).media == media
    await swept(served, after=timedelta(hours=2))
    assert await stored.media_states(alice.user_id) == ["ready"]


async def test_a_second_run_finds_nothing_left(alice: Person, served: Served) -> None:
    await alice.upload(PHOTO)
    await swept(served, after=DAY + MINUTE)
    report = await swept(served, after=DAY + MINUTE)
    assert (report.media, report.objects, report.requests) == (0, 0, 0)


async def test_more_than_a_batch_goes_in_one_run(
    alice: Person, served: Served, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.usecases.upkeep.BATCH", 3)
    for number in range(8):
        await alice.upload(pictures.jpeg(60 + number, 50), request_id=str(UUID(int=number + 1, version=4)))
    report = await swept(served, after=DAY + MINUTE)
    assert (report.media >= 8, report.requests >= 8) == (True, True)
    assert await stored.rows(alice.user_id) == {"users": 1}


async def test_a_run_that_broke_off_is_resumed_and_its_media_is_out_of_reach_meanwhile(
    alice: Person, served: Served, stored: Stored
) -> None:
    first = (await alice.upload(PHOTO)).media
    keys = await stored.keys_of(alice.user_id)
    world = later(served.built.world, DAY + MINUTE)
    broken = replace(world, objects=Breaking(world.objects, before_remove=away("original")))
    report = await upkeep(broken, retention(served.settings))
    assert (report.media, report.failed >= 1) == (0, True)
    assert await stored.media_states(alice.user_id) == ["condemned"]
    assert (await refused(_create(alice, first.media_id))).reason == "MEDIA_NOT_FOUND"
    made = (await alice.upload(PHOTO, face("again"))).me_image
    assert made.media.media_id != first.media_id
    await swept(served)
    assert await stored.media_states(alice.user_id) == ["ready"]
    assert not keys & stored.keys()
    assert (await alice.download(made.me_image_id))[1] == PHOTO


async def _create(who: Person, media_id: str) -> object:
    return await who.create(media_id, face())


async def test_a_run_that_broke_off_before_the_rows_went_is_resumed(
    alice: Person, served: Served, stored: Stored
) -> None:
    await alice.upload(PHOTO)
    await stored.database.execute("UPDATE media SET state = 'condemned' WHERE user_id = $1", alice.user_id)
    await served.built.world.objects.remove(await stored.keys_of(alice.user_id))
    await swept(served)
    assert await stored.rows(alice.user_id) == {"users": 1}


async def test_answers_are_kept_for_a_day(alice: Person, served: Served, stored: Stored, request_id: str) -> None:
    first = await alice.upload(PHOTO, face(), request_id=request_id)
    await swept(served, after=DAY - MINUTE)
    assert await alice.upload(PHOTO, face(), request_id=request_id) == first
    await swept(served, after=DAY + MINUTE)
    again = await alice.upload(PHOTO, face(), request_id=request_id)
    assert again.me_image.me_image_id != first.me_image.me_image_id
    assert (await stored.rows(alice.user_id))["requests"] == 1


async def test_the_command_says_what_it_did(
    alice: Person, served: Served, stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    await swept(served, after=DAY + MINUTE)
    await stored.age_media((await alice.upload(PHOTO)).media.media_id, "25 hours")
    assert await command.upkeep(served.settings) == 0
    assert "1 unused media with 2 objects, 0 answers kept for retries," in capsys.readouterr().out
