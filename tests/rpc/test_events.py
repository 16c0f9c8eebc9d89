"""Events: what each tells, and that none tells a label or a tag."""

from datetime import timedelta

import pytest
from meimage.v1 import event_pb2
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import pictures, rules
from tests.conftest import Served
from tests.people import Person, face, person
from tests.stored import Stored
from tests.sweeping import swept
from tests.tokens import Issuer
from tests.watching import watching

CANARY = "canary-4711"


async def everything_happens(who: Person, served: Served) -> tuple[pb.MeImage, pb.MeImage]:
    """Let every kind of event happen; return two me-images, the first of which is gone for good."""
    new = pb.NewMeImage(
        kind=pb.KIND_HANDS, label=CANARY, tags=[CANARY], usage=pb.Usage(ai_reference=True), claim_slots=[pb.SLOT_AVATAR]
    )
    gone = (await who.upload(pictures.png(), new, filename=CANARY)).me_image
    kept = await who.create(gone.media.media_id, face(CANARY))
    await rules.update(who, gone.me_image_id, rpc.MeImageChanges(label=f"{CANARY}!", tags=["x"]), "label", "tags")
    await rules.claim(who, kept.me_image_id, pb.SLOT_AVATAR)
    await rules.clear(who, pb.SLOT_AVATAR)
    await rules.claim(who, gone.me_image_id, pb.SLOT_BODY_REF)
    await rules.delete(who, gone.me_image_id)
    await rules.undelete(who, gone.me_image_id)
    await rules.switch(who, enabled=False)
    await rules.delete(who, gone.me_image_id)
    await swept(served, timedelta(days=30, minutes=1))
    return gone, kept


async def test_every_event_tells_its_facts(alice: Person, served: Served) -> None:
    gone, kept = await everything_happens(alice, served)
    swapped = event_pb2.MeImagePrimaryChanged(
        slot=pb.SLOT_AVATAR, previous_me_image_id=gone.me_image_id, me_image_id=kept.me_image_id
    )
    emptied = event_pb2.MeImagePrimaryChanged(slot=pb.SLOT_AVATAR, previous_me_image_id=kept.me_image_id)
    left = event_pb2.MeImagePrimaryChanged(slot=pb.SLOT_BODY_REF, previous_me_image_id=gone.me_image_id)
    avatar, body = (
        event_pb2.MeImagePrimaryChanged(slot=slot, me_image_id=gone.me_image_id)
        for slot in (pb.SLOT_AVATAR, pb.SLOT_BODY_REF)
    )
    expected: list[tuple[str, object]] = [
        (gone.me_image_id, event_pb2.MeImageAdded(kind=pb.KIND_HANDS, media_id=gone.media.media_id)),
        (gone.me_image_id, event_pb2.MeImageAiReferenceToggled(enabled=True)),
        (gone.me_image_id, avatar),
        (kept.me_image_id, event_pb2.MeImageAdded(kind=pb.KIND_FACE, media_id=kept.media.media_id)),
        (gone.me_image_id, event_pb2.MeImageUpdated(changed_paths=["label", "tags"])),
        (kept.me_image_id, swapped),
        (kept.me_image_id, emptied),
        (gone.me_image_id, body),
        (gone.me_image_id, left),
        (gone.me_image_id, event_pb2.MeImageAiReferenceToggled(enabled=False)),
        (gone.me_image_id, event_pb2.MeImageDeleted),
        (gone.me_image_id, event_pb2.MeImageRestored()),
        ("", event_pb2.AiSettingsChanged(references_enabled=False)),
        (gone.me_image_id, event_pb2.MeImageDeleted),
        (gone.me_image_id, event_pb2.MeImagePurged()),
    ]
    told = await rules.events(alice)
    assert len(told) == len(expected)
    for event, (me_image_id, fact) in zip(told, expected, strict=True):
        said = getattr(event, event.WhichOneof("fact") or "")
        assert event.me_image_id == me_image_id
        assert said == fact or type(said) is fact
    for deleted in (told[10], told[13]):
        assert deleted.deleted.purge_time.ToDatetime() - deleted.time.ToDatetime() == timedelta(days=30)


async def test_every_event_says_whose_when_and_through_whom(alice: Person, served: Served, issuer: Issuer) -> None:
    backend = person(served.channel, issuer.service("me_images.write", "me_images.on_behalf"), alice.user_id)
    await rules.switch(backend, enabled=False)
    await everything_happens(alice, served)
    told = await rules.events(alice)
    assert {event.user_id for event in told} == {alice.user_id}
    assert len({event.event_id for event in told}) == len(told) == 15
    assert told[0].caller == "service:backend"
    assert {event.caller for event in told[1:-1]} == {f"user:{alice.user_id}"}
    assert told[-1].caller == "upkeep"
    revisions = [event.revision for event in told]
    assert revisions == sorted(revisions)
    assert (await rules.settings(alice)).update_time == told[0].time


async def test_the_events_of_one_change_share_its_revision_and_time(alice: Person, served: Served) -> None:
    await everything_happens(alice, served)
    told = await rules.events(alice)
    for first, last in ((0, 2), (8, 10)):
        assert len({event.revision for event in told[first : last + 1]}) == 1
        assert len({event.time.ToNanoseconds() for event in told[first : last + 1]}) == 1
    assert len({event.revision for event in told}) == len(told) - 4


async def test_a_revision_is_the_etag_that_the_change_made(alice: Person, mine: pb.MeImage) -> None:
    changed = await rules.relabel(alice, mine.me_image_id, "changed")
    assert [str(event.revision) for event in await rules.events(alice)] == [mine.etag, changed.etag]


async def test_no_label_tag_or_name_is_kept_or_sent(alice: Person, served: Served, stored: Stored) -> None:
    token = (await rules.event_page(alice)).resume_token
    await everything_happens(alice, served)
    rows = await stored.database.fetch("SELECT * FROM events WHERE user_id = $1", alice.user_id)
    assert len(rows) == 15
    assert CANARY not in repr([dict(row) for row in rows])
    assert CANARY.encode() not in b"".join(event.SerializeToString() for event in await rules.events(alice))
    async with watching(alice, token) as watch:
        assert CANARY.encode() not in b"".join(each.SerializeToString() for each in await watch.until(15))


@pytest.mark.parametrize("table", ["ledger", "events", "primary_slots", "me_images", "requests", "users", "media"])
async def test_no_table_holds_them_readably(
    alice: Person, served: Served, stored: Stored, request_id: str, table: str
) -> None:
    _, kept = await everything_happens(alice, served)
    changes = rpc.MeImageChanges(label=CANARY, tags=[CANARY])
    await rules.update(alice, kept.me_image_id, changes, "label", "tags", request_id=request_id)
    await rules.claim(alice, kept.me_image_id, pb.SLOT_FACE_REF)
    query = f"SELECT * FROM {table} WHERE user_id = $1"  # noqa: S608 # the names stand above
    rows = await stored.database.fetch(query, alice.user_id)
    assert rows
    assert CANARY not in repr([dict(row) for row in rows])
    assert CANARY.encode().hex() not in repr([[v.hex() for v in row if isinstance(v, bytes)] for row in rows])
