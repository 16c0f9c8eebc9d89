"""An erasure in the middle of something else: of an upload, a release, a watch, or a bucket that is away."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from service.domain.callers import UPKEEP
from service.domain.erasure import ERASURES, erasure_key
from service.domain.errors import StorageUnavailable, UserErased
from service.domain.model import MeImageId, Rendition, UserId
from service.domain.references import Selection
from service.ports.keys import KeySwap
from service.ports.upkeep import DueMeImage
from service.settled import retention
from service.usecases.erase import erase_user
from service.usecases.receive import Photo, UploadHeader
from service.usecases.release import release_references
from service.usecases.release_plan import Order, plan_release
from service.usecases.renditions import ensure_rendition
from service.usecases.upkeep import upkeep
from service.usecases.upload import Upload, store_upload
from tests import pictures, rules
from tests.admins import office
from tests.conftest import Served
from tests.faults.breaking import Breaking, away
from tests.people import Person, refused
from tests.releases import GENERATOR, opted_in
from tests.rpc.calls import METHODS, Target, said
from tests.stored import Stored
from tests.sweeping import later, swept
from tests.tokens import Issuer

ERASED = ("FAILED_PRECONDITION", "USER_ERASED")


@pytest.fixture
async def mine(alice: Person, served: Served) -> pb.MeImage:
    made = (await alice.upload(pictures.png(), opted_in())).me_image
    await served.built.chores.done()
    return made


async def test_nothing_leaves_that_was_planned_before(alice: Person, mine: pb.MeImage, served: Served) -> None:
    world, user_id = served.built.world, UserId(alice.user_id)
    me_image = MeImageId(UUID(mine.me_image_id))
    order = Order(UPKEEP, user_id, Selection(me_image_ids=(me_image,)), GENERATOR, "portrait", None)
    plan = await plan_release(world, order)
    await erase_user(world, UPKEEP, user_id)
    with pytest.raises(UserErased):
        await release_references(world, plan)


async def test_an_upload_that_is_under_way_leaves_nothing_behind(alice: Person, served: Served, stored: Stored) -> None:
    """Its objects are still put after the erasure; upkeep removes them once no upload can be under way any more."""
    world, user_id = served.built.world, UserId(alice.user_id)

    async def erased_meanwhile(_: str) -> None:
        await erase_user(world, UPKEEP, user_id)
        await swept(served)

    breaking = replace(world, objects=Breaking(world.objects, before_put=erased_meanwhile))
    photo = Photo(pictures.png(), "0" * 64)
    with pytest.raises(UserErased):
        await store_upload(breaking, Upload(UPKEEP, UploadHeader(user_id, "", None, None, None, None), photo))
    keys = await stored.keys_of(alice.user_id)
    assert keys
    await swept(served, timedelta(hours=2))
    assert await stored.rows(alice.user_id) == {"users": 1, "events": 1}
    assert not keys & stored.keys()


async def test_a_rendition_that_is_being_made_leaves_nothing_behind(
    alice: Person, mine: pb.MeImage, served: Served, stored: Stored
) -> None:
    world, user_id = served.built.world, UserId(alice.user_id)
    await served.built.chores.done()
    found = await world.store.me_image(user_id, MeImageId(UUID(mine.me_image_id)))
    assert found is not None

    async def erased_meanwhile(_: str) -> None:
        await erase_user(world, UPKEEP, user_id)
        await swept(served)

    breaking = replace(world, objects=Breaking(world.objects, before_put=erased_meanwhile))
    with pytest.raises(UserErased):
        await ensure_rendition(breaking, UPKEEP, user_id, found[1].media, Rendition.JPEG_2048)
    keys = await stored.keys_of(alice.user_id)
    assert any("jpeg-2048" in key for key in keys)
    await swept(served, timedelta(hours=2))
    assert await stored.rows(alice.user_id) == {"users": 1, "events": 1}
    assert not keys & stored.keys()


async def test_rewrapping_brings_no_key_back(alice: Person, mine: pb.MeImage, served: Served, stored: Stored) -> None:
    """Whatever rewrap-keys had in hand when the user was erased."""
    world, user_id = served.built.world, UserId(alice.user_id)
    held = await world.store.user_key(user_id)
    assert held is not None
    await erase_user(world, UPKEEP, user_id)
    assert await world.store.swap_keys([KeySwap(user_id, held, held)]) == 0
    assert user_id not in {key.user_id for key in await world.store.older_keys(2**32, None, 10_000)}
    kept = "SELECT wrapped_key, key_epoch FROM users WHERE user_id = $1"
    assert tuple(await stored.database.fetchrow(kept, mine.user_id) or ()) == (None, None)


async def test_a_bucket_that_is_away_holds_up_the_certificate_alone(
    alice: Person, mine: pb.MeImage, served: Served, stored: Stored
) -> None:
    world, user_id = served.built.world, UserId(alice.user_id)
    breaking = replace(world, objects=Breaking(world.objects, before_put=away(".json")))
    with pytest.raises(StorageUnavailable):
        await erase_user(breaking, UPKEEP, user_id)
    target = Target(alice.user_id, mine.me_image_id, mine.media.media_id)
    assert said(await refused(METHODS["GetMeImage"](alice, target))) == ERASED
    assert erasure_key(user_id) not in stored.keys(ERASURES)
    assert (await world.store.backlog(world.clock.now(), 10)).certificates_to_file >= 1
    report = await upkeep(later(world, timedelta()), retention(served.settings))
    assert report.certificates >= 1
    assert erasure_key(user_id) in stored.keys(ERASURES)
    assert (await swept(served)).certificates == 0


async def test_a_deleted_me_image_that_is_due_holds_upkeep_up_for_nobody(
    alice: Person, mine: pb.MeImage, served: Served, stored: Stored
) -> None:
    """Erased between upkeep's look and its turn."""
    await rules.delete(alice, mine.me_image_id)
    world, user_id = served.built.world, UserId(alice.user_id)
    me_image = MeImageId(UUID(mine.me_image_id))

    class Stale:
        """The store, whose answer about what is due is old."""

        def __getattr__(self, name: str) -> object:
            return getattr(world.store, name)

        async def due_me_images(self, now: datetime, after: DueMeImage | None, _limit: int) -> list[DueMeImage]:
            """See Store."""
            return [] if after else [DueMeImage(now, user_id, me_image)]

    await erase_user(world, UPKEEP, user_id)
    stale = replace(world, store=Stale())  # type: ignore[arg-type] # all else it passes on
    assert (await upkeep(stale, retention(served.settings))).me_images == 0
    assert not await stored.media_states(alice.user_id)
    assert await stored.rows(alice.user_id) == {"users": 1, "events": 1}


async def test_a_watch_tells_it_and_ends(alice: Person, mine: pb.MeImage, served: Served, issuer: Issuer) -> None:
    token = (await rules.event_page(alice)).resume_token
    watch = alice.stub.WatchMeImages(rpc.WatchMeImagesRequest(user_id=alice.user_id), metadata=alice.metadata)
    messages = aiter(watch)
    assert (await anext(messages)).HasField("checkpoint")
    await office(served, issuer).erase(mine.user_id)
    assert (await anext(messages)).event.WhichOneof("fact") == "user_erased"
    assert said(await refused(messages)) == ERASED
    resumed = rpc.WatchMeImagesRequest(user_id=alice.user_id, resume_token=token)
    again = aiter(alice.stub.WatchMeImages(resumed, metadata=alice.metadata))
    assert (await anext(again)).HasField("checkpoint")
    last = await anext(again)
    assert last.event.HasField("user_erased")
    assert said(await refused(again)) == ERASED
    behind = rpc.WatchMeImagesRequest(user_id=alice.user_id, resume_token=last.resume_token)
    assert said(await refused(alice.stub.WatchMeImages(behind, metadata=alice.metadata))) == ERASED
