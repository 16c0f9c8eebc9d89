"""Renditions made late: whatever meets or ends their making, one is ready, and nothing else is left after its time."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import reference_service_pb2 as rpc

from service.domain.callers import UPKEEP
from service.domain.errors import MeImageNotFound, StorageUnavailable
from service.domain.model import MeImageId, Rendition, UserId
from service.ports.outside import ObjectMissing
from service.ports.records import MediaRecord, RenditionRecord
from service.settled import retention
from service.usecases.renditions import ensure_rendition
from service.usecases.upkeep import upkeep
from service.usecases.world import World
from tests import pictures, rules
from tests.conftest import Served
from tests.faults.breaking import Breaking, Hook
from tests.invariants import kept_whole, sound
from tests.people import Person, face, refused
from tests.releases import Studio, opted_in, studio
from tests.stored import Stored
from tests.sweeping import later, swept
from tests.tokens import Issuer

PENDING = timedelta(minutes=61)


class Killed(BaseException):
    """The process is no more: nothing of the code behind runs."""


@dataclass(frozen=True)
class Photo:
    """A me-image whose reference nobody has made yet."""

    who: Person
    me_image: pb.MeImage
    served: Served
    stored: Stored

    async def media(self) -> MediaRecord:
        """Return its media as the store has it."""
        user_id, me_image_id = UserId(self.who.user_id), MeImageId(UUID(self.me_image.me_image_id))
        found = await self.served.built.store.me_image(user_id, me_image_id)
        assert found is not None
        return found[1].media

    async def make(self, media: MediaRecord, before_put: Hook | None = None, after_put: Hook | None = None) -> str:
        """Make the reference in a world with a bucket of ours; return its variant, or why there is none."""
        objects = Breaking(self.served.built.objects, before_put, after_put)
        world: World = replace(self.served.built.world, objects=objects)
        try:
            made: RenditionRecord = await ensure_rendition(
                world, UPKEEP, UserId(self.who.user_id), media, Rendition.PNG_1024
            )
        except (MeImageNotFound, ObjectMissing):
            return "gone"
        except Killed:
            return "killed"
        return made.variant

    async def states(self) -> list[str]:
        """Return the states of all its references, in order of the alphabet."""
        query = "SELECT state FROM renditions WHERE media_id = $1 AND rendition = 'png-1024' ORDER BY state"
        return [row["state"] for row in await self.stored.database.fetch(query, UUID(self.me_image.media.media_id))]

    def objects(self) -> set[str]:
        """Return the keys of all its references."""
        return self.stored.keys(f"me/{self.me_image.media.media_id}/png-1024/")

    async def is_due(self) -> None:
        """Delete it, and let its time to go for good have come."""
        await rules.delete(self.who, self.me_image.me_image_id)
        query = "UPDATE me_images SET purge_at = now() - interval '1 hour' WHERE me_image_id = $1"
        assert await self.stored.database.execute(query, UUID(self.me_image.me_image_id)) == "UPDATE 1"

    async def nothing_is_left(self) -> None:
        """Sweep when all times are over; of the media there is nothing left."""
        await swept(self.served, PENDING)
        assert not self.stored.keys(f"me/{self.me_image.media.media_id}/")
        for table in ("media", "renditions"):
            query = f"SELECT count(*) FROM {table} WHERE media_id = $1"  # noqa: S608 # the names stand above
            assert await self.stored.database.fetchval(query, UUID(self.me_image.media.media_id)) == 0
        await kept_whole(self.stored)
        await sound(self.who, self.stored.database)


@pytest.fixture
async def photo(alice: Person, served: Served, stored: Stored) -> Photo:
    me_image = (await alice.upload(pictures.jpeg(90, 60), face())).me_image
    return Photo(alice, me_image, served, stored)


@pytest.fixture
def wardrobe(served: Served, issuer: Issuer) -> Studio:
    return studio(served, issuer)


@dataclass
class Meeting:
    """A hook where makers wait for each other, so that neither has made anything ready when the other begins."""

    makers: int
    met: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, _key: str) -> None:
        self.makers -= 1
        if self.makers == 0:
            self.met.set()
        await self.met.wait()


async def killed(_key: str) -> None:
    """A hook where the maker is killed."""
    raise Killed


@pytest.mark.parametrize("makers", [2, 5])
async def test_makers_at_once_end_with_one_that_all_return(photo: Photo, wardrobe: Studio, makers: int) -> None:
    media, meeting = await photo.media(), Meeting(makers)
    made = await asyncio.gather(*(photo.make(media, before_put=meeting) for _ in range(makers)))
    assert len(set(made)) == 1
    assert await photo.states() == ["pending"] * (makers - 1) + ["ready"]
    assert len(photo.objects()) == makers
    await swept(photo.served)
    assert len(photo.objects()) == makers, "what may still be under way stays"
    await swept(photo.served, PENDING)
    assert await photo.states() == ["ready"]
    assert photo.objects() == {f"me/{photo.me_image.media.media_id}/{made[0]}"}
    await rules.opt(photo.who, photo.me_image.me_image_id, enabled=True)
    assert len((await wardrobe.release(photo.who, photo.me_image.me_image_id)).images) == 1
    await kept_whole(photo.stored)


async def test_first_releases_at_once_give_the_same_bytes(photo: Photo, wardrobe: Studio) -> None:
    await rules.opt(photo.who, photo.me_image.me_image_id, enabled=True)
    of = photo.me_image.me_image_id
    released = await asyncio.gather(*(wardrobe.release(photo.who, of) for _ in range(6)))
    assert len({each.images for each in released}) == 1
    assert len({each.release.release_id for each in released}) == 6
    await photo.served.built.chores.done()
    assert (await photo.states()).count("ready") == 1
    await swept(photo.served, PENDING)
    assert (await photo.states(), len(photo.objects())) == (["ready"], 1)
    assert (await wardrobe.release(photo.who, of)).images == released[0].images
    await kept_whole(photo.stored)


@pytest.mark.parametrize("is_put", [False, True], ids=["before its object", "before it is ready"])
async def test_what_a_killed_maker_leaves_is_swept(photo: Photo, is_put: bool) -> None:
    hooks: dict[str, Hook] = {"after_put" if is_put else "before_put": killed}
    media = await photo.media()
    assert await photo.make(media, **hooks) == "killed"
    assert (await photo.states(), len(photo.objects())) == (["pending"], int(is_put))
    made = await photo.make(media)
    assert await photo.states() == ["pending", "ready"]
    await swept(photo.served, PENDING)
    assert await photo.states() == ["ready"]
    assert photo.objects() == {f"me/{media.media_id}/{made}"}
    await kept_whole(photo.stored)


@pytest.mark.parametrize("is_put", [False, True], ids=["before its object", "before it is ready"])
async def test_a_killed_making_does_not_keep_what_is_purged(photo: Photo, is_put: bool) -> None:
    hooks: dict[str, Hook] = {"after_put" if is_put else "before_put": killed}
    assert await photo.make(await photo.media(), **hooks) == "killed"
    await photo.is_due()
    await swept(photo.served)
    await photo.nothing_is_left()


@pytest.mark.parametrize("is_put", [False, True], ids=["before its object", "before it is ready"])
async def test_a_purge_while_a_rendition_is_made(photo: Photo, is_put: bool) -> None:
    async def purge(_key: str) -> None:
        await photo.is_due()
        await swept(photo.served)

    hooks: dict[str, Hook] = {"after_put" if is_put else "before_put": purge}
    assert await photo.make(await photo.media(), **hooks) == "gone"
    await photo.nothing_is_left()


async def test_a_purge_between_the_row_of_one_maker_and_the_end_of_another(photo: Photo) -> None:
    media, reached, over = await photo.media(), asyncio.Event(), asyncio.Event()

    async def slow(_key: str) -> None:
        reached.set()
        await over.wait()

    late = asyncio.create_task(photo.make(media, before_put=slow))
    await reached.wait()
    assert await photo.make(media) not in {"gone", "killed"}
    await photo.is_due()
    await swept(photo.served)
    over.set()
    assert await late in {"gone"} | {key.split("/", 2)[2] for key in photo.objects()}
    await photo.nothing_is_left()


async def test_purges_and_makers_at_once_leave_nothing(
    alice: Person, served: Served, stored: Stored, seeded: random.Random
) -> None:
    for number in range(12):
        me_image = (await alice.upload(pictures.jpeg(60 + number, 40), face())).me_image
        photo = Photo(alice, me_image, served, stored)
        media = await photo.media()
        await photo.is_due()
        turns: list[Callable[[], Awaitable[object]]] = [
            lambda photo=photo, media=media: photo.make(media),  # type: ignore[misc]
            lambda photo=photo, media=media: photo.make(media),  # type: ignore[misc]
            lambda: swept(served),
        ]
        seeded.shuffle(turns)
        await asyncio.gather(*(_after(seeded.randint(0, 40), turn) for turn in turns))
        await photo.nothing_is_left()


async def _after(turns: int, work: Callable[[], Awaitable[object]]) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
    await work()


async def test_media_that_two_share_has_one_rendition_and_outlives_one_of_them(
    photo: Photo, wardrobe: Studio, served: Served, stored: Stored
) -> None:
    alice, media_id = photo.who, photo.me_image.media.media_id
    other = await alice.create(media_id, opted_in(pb.KIND_HANDS))
    await rules.opt(alice, photo.me_image.me_image_id, enabled=True)
    both = await wardrobe.release(alice, photo.me_image.me_image_id, other.me_image_id)
    assert both.images[0] == both.images[1]
    await served.built.chores.done()
    await photo.is_due()
    await swept(served, PENDING)
    assert (await photo.states(), len(photo.objects())) == (["ready"], 1)
    request = rpc.ReleaseReferencesRequest(
        user_id=alice.user_id, me_image_ids=[other.me_image_id, photo.me_image.me_image_id]
    )
    told = await refused(wardrobe.messages(request))
    assert told.references == ((photo.me_image.me_image_id, "ME_IMAGE_NOT_FOUND"),)
    assert (await wardrobe.release(alice, other.me_image_id)).images == both.images[1:]
    await kept_whole(stored)
    await replace(photo, me_image=other).is_due()
    await swept(served)
    await photo.nothing_is_left()


async def test_a_retry_after_the_purge_is_refused(photo: Photo, wardrobe: Studio, request_id: str) -> None:
    alice, of = photo.who, photo.me_image.me_image_id
    await rules.opt(alice, of, enabled=True)
    await wardrobe.release(alice, of, request_id=request_id)
    await photo.served.built.chores.done()
    await photo.is_due()
    await photo.nothing_is_left()
    request = rpc.ReleaseReferencesRequest(user_id=alice.user_id, me_image_ids=[of], request_id=request_id)
    told = await refused(wardrobe.messages(request))
    assert (told.reason, told.references) == ("CONSENT_NOT_GIVEN", ((of, "CONSENT_NOT_GIVEN"),))


async def test_a_bucket_that_is_away_is_gone_back_to(photo: Photo) -> None:
    assert await photo.make(await photo.media(), after_put=killed) == "killed"

    async def away(_key: str) -> None:
        raise StorageUnavailable

    world = later(photo.served.built.world, PENDING)
    narrow = replace(world, objects=Breaking(world.objects, before_remove=away))
    assert (await upkeep(narrow, retention(photo.served.settings))).failed >= 1
    assert (await photo.states(), len(photo.objects())) == (["condemned"], 1)
    await swept(photo.served)
    assert (await photo.states(), photo.objects()) == ([], set())
    await kept_whole(photo.stored)


async def test_a_purge_after_the_plan_refuses_the_release(
    photo: Photo, served: Served, wardrobe: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, of = photo.who, photo.me_image.me_image_id
    await rules.opt(alice, of, enabled=True)
    await served.built.chores.done()
    get = served.built.objects.get

    async def gone_before(key: str) -> bytes:
        monkeypatch.undo()
        await photo.is_due()
        await swept(served)
        return await get(key)

    monkeypatch.setattr(type(served.built.objects), "get", lambda _, key: gone_before(key))
    request = rpc.ReleaseReferencesRequest(user_id=alice.user_id, me_image_ids=[of])
    told = await refused(wardrobe.messages(request))
    assert (told.reason, told.references) == ("ME_IMAGE_NOT_FOUND", ((of, "ME_IMAGE_NOT_FOUND"),))
    await photo.nothing_is_left()
