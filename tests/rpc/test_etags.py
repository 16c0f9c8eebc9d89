"""An etag that is out of date stops every mutation of a me-image; nothing changes."""

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb

from tests import rules
from tests.people import Person, face, refused
from tests.rpc.mutations import CHECKED, prepared
from tests.stored import Stored

every_checked = pytest.mark.parametrize("method", CHECKED)


@every_checked
async def test_a_stale_etag_changes_nothing(
    alice: Person, mine: pb.MeImage, stored: Stored, request_id: str, method: str
) -> None:
    now = await prepared(alice, mine, method)
    before = await stored.rows(alice.user_id), await rules.events(alice)
    for stale in (f"{now.etag}0", "0", "\x00", "W/*"):
        answer = await refused(CHECKED[method](alice, mine, stale, request_id))
        assert (answer.code, answer.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert await alice.get(mine.me_image_id) == now
    assert (await stored.rows(alice.user_id), await rules.events(alice)) == before


@every_checked
async def test_the_newest_etag_lets_through(alice: Person, mine: pb.MeImage, method: str) -> None:
    now = await prepared(alice, mine, method)
    before = await rules.events(alice)
    await CHECKED[method](alice, mine, now.etag, "")
    after = await alice.get(mine.me_image_id)
    assert after.etag != now.etag
    assert len(await rules.events(alice)) == len(before) + 1


@every_checked
async def test_of_two_who_read_the_same_one_is_stopped(alice: Person, mine: pb.MeImage, method: str) -> None:
    now = await prepared(alice, mine, method)
    await CHECKED[method](alice, mine, now.etag, "")
    answer = await refused(CHECKED[method](alice, mine, now.etag, ""))
    assert answer.reason == "ETAG_MISMATCH"


@every_checked
async def test_a_retry_beats_the_etag_that_it_made_stale(
    alice: Person, mine: pb.MeImage, request_id: str, method: str
) -> None:
    now = await prepared(alice, mine, method)
    first = await CHECKED[method](alice, mine, now.etag, request_id)
    await rules.delete(alice, mine.me_image_id)
    back = await rules.undelete(alice, mine.me_image_id)
    told = await rules.events(alice)
    assert await CHECKED[method](alice, mine, now.etag, request_id) == first
    assert await rules.events(alice) == told
    assert await alice.get(mine.me_image_id) == back


@every_checked
async def test_a_request_that_was_stopped_may_be_sent_again(
    alice: Person, mine: pb.MeImage, request_id: str, method: str
) -> None:
    now = await prepared(alice, mine, method)
    assert (await refused(CHECKED[method](alice, mine, "0", request_id))).reason == "ETAG_MISMATCH"
    await CHECKED[method](alice, mine, now.etag, request_id)
    assert (await alice.get(mine.me_image_id)).etag != now.etag


@every_checked
async def test_an_empty_etag_checks_nothing(alice: Person, mine: pb.MeImage, method: str) -> None:
    now = await prepared(alice, mine, method)
    await CHECKED[method](alice, mine, "", "")
    assert (await alice.get(mine.me_image_id)).etag != now.etag


async def test_what_happens_to_others_leaves_an_etag_good(alice: Person, mine: pb.MeImage) -> None:
    other = await alice.create(mine.media.media_id, face("other"))
    await rules.relabel(alice, other.me_image_id, "changed")
    await rules.claim(alice, other.me_image_id, pb.SLOT_AVATAR)
    await rules.switch(alice, enabled=False)
    assert (await rules.opt(alice, mine.me_image_id, enabled=True, etag=mine.etag)).usage.ai_reference


async def test_losing_a_slot_makes_an_etag_stale(alice: Person, mine: pb.MeImage) -> None:
    holder = (await rules.claim(alice, mine.me_image_id, pb.SLOT_AVATAR)).me_image
    await alice.create(mine.media.media_id, face(slots=[pb.SLOT_AVATAR]))
    answer = await refused(rules.delete(alice, mine.me_image_id, etag=holder.etag))
    assert answer.reason == "ETAG_MISMATCH"


async def test_an_absent_me_image_has_no_etag_to_miss(alice: Person, bob: Person, mine: pb.MeImage) -> None:
    for who in (alice, bob):
        for mutate in CHECKED.values():
            absent = pb.MeImage(me_image_id=mine.media.media_id)
            assert (await refused(mutate(who, absent, "0", ""))).reason == "ME_IMAGE_NOT_FOUND"
