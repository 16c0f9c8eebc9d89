"""DeleteMeImage and UndeleteMeImage: out of use at once, back for a while, and counted as long as it is there."""

from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import pictures, rules
from tests.conftest import Serve, Served
from tests.people import Person, face, new_user_id, person, refused
from tests.stored import Stored
from tests.tokens import Issuer

SLOTS = (pb.SLOT_AVATAR, pb.SLOT_FACE_REF, pb.SLOT_BODY_REF)
IN_FULL_USE = pb.NewMeImage(
    kind=pb.KIND_FACE, label="used", tags=["tag"], usage=pb.Usage(ai_reference=True), claim_slots=SLOTS
)


@pytest.fixture
async def used(alice: Person) -> pb.MeImage:
    """A me-image that is opted in and holds every slot."""
    return (await alice.upload(pictures.png(), IN_FULL_USE)).me_image


@pytest.fixture(scope="module")
async def small(serve: Serve) -> AsyncIterator[Served]:
    """A server where a person may have three me-images, and deleted ones go after an hour."""
    async with serve(max_me_images=3, purge_days=1 / 24) as running:
        yield running


@pytest.fixture
def carol(small: Served, issuer: Issuer) -> Person:
    user_id = new_user_id()
    return person(small.channel, issuer.user(user_id), user_id)


async def listed(who: Person, *, opted_in: bool = False, deleted: bool = False) -> list[pb.MeImage]:
    request = rpc.ListMeImagesRequest(ai_reference_only=opted_in, include_deleted=deleted)
    return list((await who.page(request)).me_images)


async def test_a_deleted_me_image_leaves_every_use_at_once(alice: Person, used: pb.MeImage) -> None:
    bystander = await alice.create(used.media.media_id, face("bystander"))
    deleted = await rules.delete(alice, used.me_image_id)
    assert not deleted.usage.ai_reference
    assert list(deleted.slots) == []
    assert await listed(alice, opted_in=True, deleted=True) == []
    assert [(await refused(rules.primary(alice, slot))).reason for slot in SLOTS[1:]] == ["SLOT_EMPTY"] * 2
    assert (await rules.primary(alice, pb.SLOT_AVATAR)).me_image == bystander
    assert await listed(alice) == [bystander]


async def test_it_is_told_when_it_goes_for_good(alice: Person, used: pb.MeImage) -> None:
    deleted = await rules.delete(alice, used.me_image_id)
    life = deleted.purge_time.ToDatetime() - deleted.delete_time.ToDatetime()
    assert life == timedelta(days=30)
    event = (await rules.events(alice))[-1]
    assert (event.deleted.purge_time, event.time) == (deleted.purge_time, deleted.delete_time)
    assert (deleted.label, list(deleted.tags), deleted.media) == (used.label, list(used.tags), used.media)
    assert deleted.update_time == deleted.delete_time
    assert deleted.etag != used.etag


async def test_the_settings_say_how_long(carol: Person) -> None:
    made = (await carol.upload(pictures.png(), face())).me_image
    deleted = await rules.delete(carol, made.me_image_id)
    assert deleted.purge_time.ToDatetime() - deleted.delete_time.ToDatetime() == timedelta(hours=1)


async def test_deleting_it_again_is_no_change(alice: Person, used: pb.MeImage) -> None:
    deleted = await rules.delete(alice, used.me_image_id)
    before = await rules.events(alice)
    assert await rules.delete(alice, used.me_image_id) == deleted
    assert await rules.events(alice) == before


async def test_it_comes_back_not_opted_in_and_without_slots(alice: Person, used: pb.MeImage) -> None:
    await rules.delete(alice, used.me_image_id)
    back = await rules.undelete(alice, used.me_image_id)
    assert not back.HasField("delete_time")
    assert not back.HasField("purge_time")
    assert (back.usage.ai_reference, back.usage.show_in_profile, list(back.slots)) == (False, True, [])
    assert (back.label, list(back.tags), back.media, back.create_time) == (
        used.label,
        list(used.tags),
        used.media,
        used.create_time,
    )
    assert await listed(alice) == [back]
    assert await rules.undelete(alice, used.me_image_id) == back
    assert rules.facts(await rules.events(alice))[-2:] == ["deleted", "restored"]


async def test_undeleting_what_is_not_deleted_is_no_change(alice: Person, used: pb.MeImage) -> None:
    assert await rules.undelete(alice, used.me_image_id) == used
    assert "restored" not in rules.facts(await rules.events(alice))


async def test_deleted_ones_are_listed_where_they_are_asked_for(alice: Person, used: pb.MeImage) -> None:
    kept = await alice.create(used.media.media_id, face("kept"))
    deleted = await rules.delete(alice, used.me_image_id)
    assert await listed(alice) == [kept]
    assert await listed(alice, deleted=True) == [kept, deleted]
    assert await alice.get(used.me_image_id) == deleted
    full = await alice.page(rpc.ListMeImagesRequest(include_deleted=True, view=pb.ME_IMAGE_VIEW_FULL))
    assert all(each.thumbnail for each in full.me_images), "a person sees what may come back"


@pytest.mark.parametrize("rendition", [pb.RENDITION_UNSPECIFIED, pb.RENDITION_WEBP_320])
async def test_its_bytes_are_not_handed_out(alice: Person, used: pb.MeImage, rendition: pb.Rendition.ValueType) -> None:
    await rules.delete(alice, used.me_image_id)
    answer = await refused(alice.download(used.me_image_id, rendition))
    assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ME_IMAGE_DELETED")
    await rules.undelete(alice, used.me_image_id)
    assert (await alice.download(used.me_image_id, rendition))[1]


async def test_the_quota_counts_deleted_ones_too(carol: Person, stored: Stored) -> None:
    made = (await carol.upload(pictures.png(), face("first"))).me_image
    media_id = made.media.media_id
    for label in ("second", "third"):
        await carol.create(media_id, face(label))
    await rules.delete(carol, made.me_image_id)
    before = await stored.rows(carol.user_id)
    answers = [
        await refused(
            carol.stub.CreateMeImage(
                rpc.CreateMeImageRequest(user_id=carol.user_id, media_id=media_id, new_me_image=IN_FULL_USE),
                metadata=carol.metadata,
            )
        ),
        await refused(carol.upload(pictures.png(), IN_FULL_USE)),
    ]
    assert {(answer.code, answer.reason) for answer in answers} == {
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
    }
    assert await stored.rows(carol.user_id) == before
    await rules.undelete(carol, made.me_image_id)
    assert len(await listed(carol)) == 3


async def test_a_full_pool_still_takes_photos_that_make_no_me_image(carol: Person) -> None:
    media_id = (await carol.upload(pictures.png(), face())).media.media_id
    for _ in range(2):
        await carol.create(media_id, face())
    assert (await carol.upload(pictures.jpeg())).media.media_id != media_id
