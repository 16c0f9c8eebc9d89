"""SetAiReferenceEnabled and the AI settings: every decision on record, and nothing that was not decided."""

import asyncio

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb

from tests import pictures, rules
from tests.people import Person, face, refused
from tests.stored import Stored


def opted_in(*slots: pb.Slot.ValueType) -> pb.NewMeImage:
    return pb.NewMeImage(kind=pb.KIND_FACE, usage=pb.Usage(ai_reference=True), claim_slots=slots)


async def test_consent_is_given_and_withdrawn_with_an_entry_each(alice: Person, mine: pb.MeImage) -> None:
    for enabled in (True, False, True):
        after = await rules.opt(alice, mine.me_image_id, enabled)
        assert after.usage.ai_reference is enabled
        assert await alice.get(mine.me_image_id) == after
    assert await rules.kinds(alice) == ["CONSENT_GIVEN", "CONSENT_WITHDRAWN", "CONSENT_GIVEN"]
    told = (await rules.events(alice))[1:]
    assert [event.ai_reference_toggled.enabled for event in told] == [True, False, True]
    entries = await rules.entries(alice)
    assert {entry.me_image_id for entry in entries} == {mine.me_image_id}
    assert {entry.caller for entry in entries} == {f"user:{alice.user_id}"}
    assert [entry.time for entry in entries] == [event.time for event in told]


@pytest.mark.parametrize("enabled", [True, False])
async def test_deciding_the_same_again_is_nothing_new(alice: Person, mine: pb.MeImage, enabled: bool) -> None:
    once = await rules.opt(alice, mine.me_image_id, enabled)
    before = await rules.kinds(alice), await rules.events(alice)
    assert await rules.opt(alice, mine.me_image_id, enabled) == once
    assert (await rules.kinds(alice), await rules.events(alice)) == before
    assert len(before[0]) == enabled


async def test_a_missing_value_is_no_toggle(alice: Person, mine: pb.MeImage) -> None:
    answer = await refused(rules.opt(alice, mine.me_image_id, None))
    assert (answer.reason, answer.fields) == ("INVALID_FIELDS", ("enabled",))
    assert await alice.get(mine.me_image_id) == mine


async def test_consent_at_creation_is_on_record(alice: Person) -> None:
    uploaded = await alice.upload(pictures.png(), opted_in())
    created = await alice.create(uploaded.media.media_id, opted_in())
    await alice.create(uploaded.media.media_id, face())
    given = [entry.me_image_id for entry in await rules.entries(alice)]
    assert given == [uploaded.me_image.me_image_id, created.me_image_id]
    assert await rules.kinds(alice) == ["CONSENT_GIVEN"] * 2


async def test_a_deletion_ends_consent_on_record(alice: Person, mine: pb.MeImage) -> None:
    await rules.opt(alice, mine.me_image_id, enabled=True)
    assert not (await rules.delete(alice, mine.me_image_id)).usage.ai_reference
    await rules.delete(alice, mine.me_image_id)
    assert not (await rules.undelete(alice, mine.me_image_id)).usage.ai_reference
    assert await rules.kinds(alice) == ["CONSENT_GIVEN", "CONSENT_WITHDRAWN"]


async def test_a_deletion_without_consent_is_no_matter_of_the_ledger(alice: Person, mine: pb.MeImage) -> None:
    await rules.delete(alice, mine.me_image_id)
    assert await rules.kinds(alice) == []


async def test_a_deleted_me_image_cannot_be_opted_in(alice: Person, mine: pb.MeImage) -> None:
    await rules.delete(alice, mine.me_image_id)
    for enabled in (True, False):
        answer = await refused(rules.opt(alice, mine.me_image_id, enabled))
        assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ME_IMAGE_DELETED")
    assert await rules.kinds(alice) == []


async def test_the_panic_switch_is_on_record_and_changes_no_opt_in(alice: Person, mine: pb.MeImage) -> None:
    opted = await rules.opt(alice, mine.me_image_id, enabled=True)
    paused = await rules.switch(alice, enabled=False)
    assert not paused.references_enabled
    assert await rules.settings(alice) == paused
    assert await alice.get(mine.me_image_id) == opted
    resumed = await rules.switch(alice, enabled=True)
    assert resumed.references_enabled
    assert resumed.update_time.ToNanoseconds() > paused.update_time.ToNanoseconds()
    assert await rules.kinds(alice) == ["CONSENT_GIVEN", "REFERENCES_PAUSED", "REFERENCES_RESUMED"]
    told = [event for event in await rules.events(alice) if event.WhichOneof("fact") == "ai_settings_changed"]
    assert [event.ai_settings_changed.references_enabled for event in told] == [False, True]
    assert {
        (entry.me_image_id, event.me_image_id)
        for entry, event in zip((await rules.entries(alice))[1:], told, strict=True)
    } == {("", "")}


async def test_switching_to_what_is_already_so_is_nothing_new(alice: Person) -> None:
    await rules.switch(alice, enabled=True)
    assert await rules.kinds(alice) == []
    paused = await rules.switch(alice, enabled=False)
    assert await rules.switch(alice, enabled=False) == paused
    assert await rules.kinds(alice) == ["REFERENCES_PAUSED"]
    assert rules.facts(await rules.events(alice)) == ["ai_settings_changed"]


async def test_a_missing_value_switches_nothing(alice: Person, stored: Stored) -> None:
    answer = await refused(rules.switch(alice, None))
    assert (answer.reason, answer.fields) == ("INVALID_FIELDS", ("references_enabled",))
    assert await stored.rows(alice.user_id) == {}


async def test_nobody_has_decided_anything_yet(alice: Person, stored: Stored) -> None:
    assert await rules.settings(alice) == pb.AiSettings(references_enabled=True)
    assert await rules.entries(alice) == []
    assert await rules.events(alice) == []
    assert await stored.rows(alice.user_id) == {}


async def test_the_first_decision_of_a_person_may_come_before_the_first_photo(alice: Person) -> None:
    await rules.switch(alice, enabled=False)
    await alice.upload(pictures.png(), opted_in())
    assert not (await rules.settings(alice)).references_enabled
    assert await rules.kinds(alice) == ["REFERENCES_PAUSED", "CONSENT_GIVEN"]


async def test_first_decisions_at_once_keep_their_order(alice: Person) -> None:
    await asyncio.gather(*(rules.switch(alice, enabled=number % 2 == 0) for number in range(20)))
    told = await rules.events(alice)
    revisions = [event.revision for event in told]
    assert revisions == sorted(set(revisions))
    states = [event.ai_settings_changed.references_enabled for event in told]
    assert states == [number % 2 == 1 for number in range(len(states))]
    assert len(await rules.entries(alice)) == len(told)
    assert (await rules.settings(alice)).references_enabled is states[-1]
