"""ReleaseReferences: what passes comes whole, in the form that generators take, with its entry in the ledger."""

import io
import uuid

import grpc
import pytest
from meimage.v1 import ledger_pb2
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import reference_service_pb2 as rpc
from PIL import Image

from service.domain.model import MediaId, Rendition, UserId
from service.rpc import budget
from tests import pictures, rules
from tests.chain import first_break
from tests.conftest import Serve, Served
from tests.people import Person, face, refused
from tests.releases import GENERATOR, Studio, opted_in, studio, whole
from tests.stored import Stored
from tests.tokens import Issuer


@pytest.fixture
def wardrobe(served: Served, issuer: Issuer) -> Studio:
    return studio(served, issuer)


@pytest.fixture
async def photo(alice: Person) -> pb.MeImage:
    """A photo that AI may use."""
    return (await alice.upload(pictures.jpeg(1500, 1200, orientation=6), opted_in())).me_image


async def releases(who: Person) -> list[ledger_pb2.LedgerEntry]:
    return [each for each in await rules.entries(who) if each.kind == ledger_pb2.LEDGER_KIND_REFERENCES_RELEASED]


async def test_a_release_hands_out_upright_plain_pictures(alice: Person, photo: pb.MeImage, wardrobe: Studio) -> None:
    released = await wardrobe.release(alice, photo.me_image_id)
    assert [image.content_type for image in released.release.images] == ["image/png"]
    shown = Image.open(io.BytesIO(released.images[0]))
    assert (shown.format, shown.mode, shown.size) == ("PNG", "RGB", (1024, 819))
    assert set(shown.info) <= {"dpi"}
    top_left, bottom_right = shown.getpixel((100, 100)), shown.getpixel((900, 700))
    assert isinstance(top_left, tuple)
    assert isinstance(bottom_right, tuple)
    assert max(abs(a - b) for a, b in zip(top_left, pictures.RED, strict=True)) < 8
    assert max(abs(a - b) for a, b in zip(bottom_right, pictures.YELLOW, strict=True)) < 8


async def test_the_ledger_says_exactly_what_left(alice: Person, photo: pb.MeImage, wardrobe: Studio) -> None:
    released = await wardrobe.release(alice, photo.me_image_id)
    (entry,) = await releases(alice)
    assert entry.release.release_id == released.release.release_id
    assert (entry.release.generator, entry.release.purpose) == (GENERATOR, "outfit try-on")
    assert [(image.me_image_id, image.sha256) for image in entry.release.images] == [
        (image.me_image_id, image.sha256) for image in released.release.images
    ]
    assert entry.caller == "service:wardrobe"
    assert (entry.sequence, entry.hash) == (released.release.ledger_sequence, released.release.ledger_hash)
    assert entry.time == released.release.time
    assert first_break(await rules.entries(alice)) is None


async def test_a_rendition_is_made_once(
    served: Served, alice: Person, photo: pb.MeImage, wardrobe: Studio, stored: Stored
) -> None:
    first = await wardrobe.release(alice, photo.me_image_id)
    await served.built.chores.done()
    second = await wardrobe.release(alice, photo.me_image_id)
    assert second.images == first.images
    assert second.release.release_id != first.release.release_id
    assert len(await releases(alice)) == 2
    keys = await stored.keys_of(alice.user_id)
    assert sum("/png-1024/" in key for key in keys) in (1, 2), "another making may have been overtaken"


async def test_opting_in_makes_the_reference_ahead(served: Served, alice: Person, mine: pb.MeImage) -> None:
    await served.built.chores.done()
    assert await rendered(served, alice, mine) is False
    await rules.opt(alice, mine.me_image_id, enabled=True)
    await served.built.chores.done()
    assert await rendered(served, alice, mine) is True


async def rendered(served: Served, who: Person, me_image: pb.MeImage) -> bool:
    user_id, media_id = UserId(who.user_id), MediaId(uuid.UUID(me_image.media.media_id))
    return await served.built.store.rendition(user_id, media_id, Rendition.PNG_1024) is not None


async def test_slots_and_ids_come_once_each_in_their_order(alice: Person, wardrobe: Studio) -> None:
    both = opted_in(slots=(pb.SLOT_AVATAR, pb.SLOT_FACE_REF))
    one = (await alice.upload(pictures.jpeg(40, 30), both)).me_image
    other = (await alice.upload(pictures.jpeg(30, 40), opted_in(pb.KIND_HANDS))).me_image
    request = rpc.ReleaseReferencesRequest(
        user_id=alice.user_id, me_image_ids=[other.me_image_id], slots=[pb.SLOT_FACE_REF, pb.SLOT_AVATAR]
    )
    released = await whole(wardrobe.messages(request))
    assert [image.me_image_id for image in released.release.images] == [other.me_image_id, one.me_image_id]


async def test_by_kind_takes_slot_holders_first_then_the_newest(alice: Person, wardrobe: Studio) -> None:
    made = [(await alice.upload(pictures.jpeg(20 + n, 20), opted_in())).me_image.me_image_id for n in range(4)]
    await rules.claim(alice, made[0], pb.SLOT_AVATAR)
    await rules.claim(alice, made[1], pb.SLOT_FACE_REF)
    expected = [made[1], made[0], made[3], made[2]]
    listed = await wardrobe.references(rpc.ListReferencesRequest(user_id=alice.user_id))
    assert [each.me_image_id for each in listed.references] == expected
    request = rpc.ReleaseReferencesRequest(
        user_id=alice.user_id, by_kind=rpc.KindSelection(kinds=[pb.KIND_FACE], max_images=3)
    )
    released = await whole(wardrobe.messages(request))
    assert [image.me_image_id for image in released.release.images] == expected[:3]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
async def test_pages_of_references_together_are_all(alice: Person, wardrobe: Studio, size: int) -> None:
    made = {(await alice.upload(pictures.jpeg(20 + n, 20), opted_in())).me_image.me_image_id for n in range(3)}
    listed: list[str] = []
    request = rpc.ListReferencesRequest(user_id=alice.user_id, page_size=size)
    while True:
        page = await wardrobe.references(request)
        listed += [each.me_image_id for each in page.references]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert len(listed) == 3
    assert set(listed) == made


async def test_a_retry_gives_the_same_release_and_no_second_entry(
    alice: Person, photo: pb.MeImage, wardrobe: Studio, request_id: str
) -> None:
    first = await wardrobe.release(alice, photo.me_image_id, request_id=request_id)
    assert await wardrobe.release(alice, photo.me_image_id, request_id=request_id) == first
    assert len(await releases(alice)) == 1


@pytest.mark.parametrize("ended", ["withdrawn", "paused", "deleted"])
async def test_a_retry_after_the_consent_had_ended_is_refused_even_if_it_was_given_again(
    alice: Person, photo: pb.MeImage, wardrobe: Studio, request_id: str, ended: str
) -> None:
    await wardrobe.release(alice, photo.me_image_id, request_id=request_id)
    if ended == "withdrawn":
        await rules.opt(alice, photo.me_image_id, enabled=False)
    elif ended == "paused":
        await rules.switch(alice, enabled=False)
        await rules.switch(alice, enabled=True)
    else:
        await rules.delete(alice, photo.me_image_id)
        await rules.undelete(alice, photo.me_image_id)
    await rules.opt(alice, photo.me_image_id, enabled=True)
    why = "AI_REFERENCES_PAUSED" if ended == "paused" else "CONSENT_NOT_GIVEN"
    request = rpc.ReleaseReferencesRequest(
        user_id=alice.user_id, me_image_ids=[photo.me_image_id], request_id=request_id
    )
    told = await refused(wardrobe.messages(request))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, why)
    assert told.references == ((photo.me_image_id, why),)
    assert len(await releases(alice)) == 1
    request.request_id = str(uuid.uuid4())
    assert len((await whole(wardrobe.messages(request))).images) == 1


async def test_a_retry_by_another_caller_is_another_request(
    served: Served, issuer: Issuer, alice: Person, photo: pb.MeImage, wardrobe: Studio, request_id: str
) -> None:
    """The ledger says who got the bytes, and it would say the wrong one."""
    await wardrobe.release(alice, photo.me_image_id, request_id=request_id)
    other = studio(served, issuer, name="glasses")
    request = rpc.ReleaseReferencesRequest(
        user_id=alice.user_id, me_image_ids=[photo.me_image_id], request_id=request_id
    )
    told = await refused(other.messages(request))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert [entry.caller for entry in await releases(alice)] == ["service:wardrobe"]


async def test_more_than_all_transfers_may_hold_is_released_all_the_same(
    serve: Serve, issuer: Issuer, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "WAIT_SECONDS", 0.5)
    made = [(await alice.upload(pictures.jpeg(20 + n, 20), opted_in())).me_image.me_image_id for n in range(4)]
    request = rpc.ReleaseReferencesRequest(user_id=alice.user_id, me_image_ids=made, generator="bytedance/seedream-4.5")
    async with serve(transfer_mib=10) as narrow:
        assert len((await whole(studio(narrow, issuer).messages(request))).images) == 4


async def test_validation_tells_all_and_does_nothing(alice: Person, photo: pb.MeImage, wardrobe: Studio) -> None:
    closed = (await alice.upload(pictures.jpeg(9, 9), face())).me_image.me_image_id
    unknown = str(uuid.uuid4())
    request = rpc.ReleaseReferencesRequest(
        user_id=alice.user_id,
        me_image_ids=[closed, photo.me_image_id, unknown],
        slots=[pb.SLOT_BODY_REF],
        validate_only=True,
    )
    (message,) = [each async for each in wardrobe.messages(request)]
    assert list(message.validation.me_image_ids) == [photo.me_image_id]
    assert [(each.subject, each.reason) for each in message.validation.refusals] == [
        (closed, "CONSENT_NOT_GIVEN"),
        (unknown, "ME_IMAGE_NOT_FOUND"),
        ("BODY_REF", "SLOT_EMPTY"),
    ]
    assert await releases(alice) == []


async def test_more_than_the_generator_takes_is_refused(alice: Person, wardrobe: Studio) -> None:
    made = [(await alice.upload(pictures.jpeg(20 + n, 20), opted_in())).me_image.me_image_id for n in range(4)]
    request = rpc.ReleaseReferencesRequest(
        user_id=alice.user_id, me_image_ids=made, generator="google/gemini-2.5-flash-image"
    )
    told = await refused(wardrobe.messages(request))
    assert (told.reason, told.references) == ("TOO_MANY_REFERENCES", (("", "TOO_MANY_REFERENCES"),))
    request = rpc.ReleaseReferencesRequest(
        user_id=alice.user_id, by_kind=rpc.KindSelection(), generator="google/gemini-2.5-flash-image"
    )
    assert len((await whole(wardrobe.messages(request))).images) == 3


async def test_an_unknown_generator_is_refused(alice: Person, photo: pb.MeImage, wardrobe: Studio) -> None:
    request = rpc.ReleaseReferencesRequest(
        user_id=alice.user_id, me_image_ids=[photo.me_image_id], generator="openai/gpt-image-99"
    )
    told = await refused(wardrobe.messages(request))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UNKNOWN_GENERATOR")


async def test_nothing_to_offer_is_no_consent(alice: Person, mine: pb.MeImage, wardrobe: Studio) -> None:
    request = rpc.ReleaseReferencesRequest(user_id=alice.user_id, by_kind=rpc.KindSelection())
    told = await refused(wardrobe.messages(request))
    assert (told.reason, told.references) == ("CONSENT_NOT_GIVEN", (("", "CONSENT_NOT_GIVEN"),))
    await rules.opt(alice, mine.me_image_id, enabled=True)
    await rules.switch(alice, enabled=False)
    listed = await wardrobe.references(rpc.ListReferencesRequest(user_id=alice.user_id))
    assert (listed.paused, list(listed.references)) == (True, [])
    assert (await refused(wardrobe.messages(request))).reason == "AI_REFERENCES_PAUSED"
