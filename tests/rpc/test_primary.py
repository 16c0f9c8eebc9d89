"""Primary slots: who holds them, who stands for them, and what a change answers and tells."""

import grpc
import pytest
from meimage.v1 import event_pb2
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import rules
from tests.people import Person, face, refused

AVATAR, FACE_REF, BODY_REF = SLOTS = (pb.SLOT_AVATAR, pb.SLOT_FACE_REF, pb.SLOT_BODY_REF)
HIDDEN = pb.NewMeImage(kind=pb.KIND_FACE, usage=pb.Usage(show_in_profile=False))


@pytest.fixture
async def other(alice: Person, mine: pb.MeImage) -> pb.MeImage:
    return await alice.create(mine.media.media_id, face("other"))


async def slots_of(who: Person, me_image: pb.MeImage) -> list[pb.Slot.ValueType]:
    return list((await who.get(me_image.me_image_id)).slots)


async def changes(who: Person) -> list[event_pb2.MeImagePrimaryChanged]:
    """Return what was told of slots."""
    told = await rules.events(who)
    return [event.primary_changed for event in told if event.WhichOneof("fact") == "primary_changed"]


async def test_a_me_image_may_hold_every_slot(alice: Person, mine: pb.MeImage) -> None:
    for slot in reversed(SLOTS):
        answer = await rules.claim(alice, mine.me_image_id, slot)
        assert answer.previous_me_image_id == ""
    assert list(answer.me_image.slots) == list(SLOTS)
    assert await alice.get(mine.me_image_id) == answer.me_image


async def test_claiming_avatar_never_costs_face_ref(alice: Person, mine: pb.MeImage, other: pb.MeImage) -> None:
    for slot in (AVATAR, FACE_REF):
        await rules.claim(alice, mine.me_image_id, slot)
    await rules.claim(alice, other.me_image_id, AVATAR)
    assert await slots_of(alice, mine) == [FACE_REF]
    assert await slots_of(alice, other) == [AVATAR]
    await rules.claim(alice, mine.me_image_id, AVATAR)
    assert await slots_of(alice, mine) == [AVATAR, FACE_REF]
    assert await slots_of(alice, other) == []


async def test_a_swap_answers_who_held_it_and_changes_both(alice: Person, mine: pb.MeImage, other: pb.MeImage) -> None:
    before = (await rules.claim(alice, mine.me_image_id, AVATAR)).me_image
    answer = await rules.claim(alice, other.me_image_id, AVATAR)
    former = await alice.get(mine.me_image_id)
    assert answer.previous_me_image_id == mine.me_image_id
    assert former.etag == answer.me_image.etag != before.etag
    assert (former.label, list(former.slots)) == (mine.label, [])
    told = await changes(alice)
    assert told == [
        event_pb2.MeImagePrimaryChanged(slot=AVATAR, me_image_id=mine.me_image_id),
        event_pb2.MeImagePrimaryChanged(
            slot=AVATAR, previous_me_image_id=mine.me_image_id, me_image_id=other.me_image_id
        ),
    ]


async def test_repeating_a_claim_is_no_change(alice: Person, mine: pb.MeImage) -> None:
    once = await rules.claim(alice, mine.me_image_id, AVATAR)
    before = await rules.events(alice)
    again = await rules.claim(alice, mine.me_image_id, AVATAR)
    assert again.me_image == once.me_image
    assert again.previous_me_image_id == mine.me_image_id
    assert await rules.events(alice) == before


async def test_clearing_answers_who_held_it_and_promotes_nobody(
    alice: Person, mine: pb.MeImage, other: pb.MeImage
) -> None:
    await rules.claim(alice, other.me_image_id, BODY_REF)
    await rules.claim(alice, mine.me_image_id, BODY_REF)
    assert await rules.clear(alice, BODY_REF) == mine.me_image_id
    assert await slots_of(alice, mine) == await slots_of(alice, other) == []
    assert (await refused(rules.primary(alice, BODY_REF))).reason == "SLOT_EMPTY"
    last = (await changes(alice))[-1]
    assert last == event_pb2.MeImagePrimaryChanged(slot=BODY_REF, previous_me_image_id=mine.me_image_id)


async def test_clearing_an_empty_slot_is_no_change(alice: Person, bob: Person, mine: pb.MeImage) -> None:
    assert await rules.clear(alice, AVATAR) == ""
    assert await rules.clear(bob, AVATAR) == ""
    assert rules.facts(await rules.events(alice)) == ["added"]
    assert await alice.get(mine.me_image_id) == mine


async def test_the_avatar_falls_back_rule_by_rule(alice: Person, mine: pb.MeImage, other: pb.MeImage) -> None:
    hidden = await alice.create(mine.media.media_id, HIDDEN)
    answer = await rules.primary(alice, AVATAR)
    assert answer == rpc.GetPrimaryMeImageResponse(me_image=other, rule=rpc.PRIMARY_RULE_NEWEST_SHOWN)
    await rules.claim(alice, hidden.me_image_id, FACE_REF)
    answer = await rules.primary(alice, AVATAR)
    assert (answer.me_image.me_image_id, answer.rule) == (hidden.me_image_id, rpc.PRIMARY_RULE_FACE_REF_HOLDER)
    await rules.claim(alice, mine.me_image_id, AVATAR)
    answer = await rules.primary(alice, AVATAR)
    assert answer == rpc.GetPrimaryMeImageResponse(
        me_image=await alice.get(mine.me_image_id), rule=rpc.PRIMARY_RULE_HOLDER
    )


async def test_a_holder_of_several_slots_is_chosen_as_the_holder(alice: Person, mine: pb.MeImage) -> None:
    for slot in SLOTS:
        await rules.claim(alice, mine.me_image_id, slot)
    for slot in SLOTS:
        answer = await rules.primary(alice, slot)
        assert (answer.me_image.me_image_id, answer.rule) == (mine.me_image_id, rpc.PRIMARY_RULE_HOLDER)


@pytest.mark.parametrize("slot", [FACE_REF, BODY_REF])
async def test_only_the_avatar_falls_back(alice: Person, mine: pb.MeImage, slot: pb.Slot.ValueType) -> None:
    await rules.claim(alice, mine.me_image_id, AVATAR)
    answer = await refused(rules.primary(alice, slot))
    assert (answer.code, answer.reason) == (grpc.StatusCode.NOT_FOUND, "SLOT_EMPTY")


async def test_nobody_stands_for_the_avatar_of_a_hidden_pool(alice: Person, bob: Person, mine: pb.MeImage) -> None:
    await alice.create(mine.media.media_id, HIDDEN)
    await rules.delete(alice, mine.me_image_id)
    answers = [await refused(rules.primary(who, AVATAR)) for who in (alice, bob)]
    assert [answer.reason for answer in answers] == ["SLOT_EMPTY"] * 2


async def test_a_deleted_me_image_claims_nothing(alice: Person, mine: pb.MeImage, other: pb.MeImage) -> None:
    await rules.claim(alice, other.me_image_id, AVATAR)
    await rules.delete(alice, mine.me_image_id)
    answer = await refused(rules.claim(alice, mine.me_image_id, AVATAR))
    assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ME_IMAGE_DELETED")
    assert await slots_of(alice, other) == [AVATAR]
