"""Every mutation under a request_id: the same answer again, one effect, and no other request under the same id."""

import asyncio
import random
import uuid
from collections.abc import Awaitable
from datetime import timedelta

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import rules
from tests.conftest import Served
from tests.people import Person, face, refused
from tests.rpc.mutations import CHECKED, MUTATIONS, prepared
from tests.sweeping import swept

every_mutation = pytest.mark.parametrize("method", MUTATIONS)


@every_mutation
async def test_a_retry_is_answered_alike_and_changes_nothing(
    alice: Person, mine: pb.MeImage, request_id: str, method: str
) -> None:
    await prepared(alice, mine, method)
    before = await rules.events(alice)
    first = await MUTATIONS[method](alice, mine, request_id)
    after = await rules.events(alice), await rules.entries(alice), await alice.page()
    for spelling in (request_id, request_id.upper()):
        assert await MUTATIONS[method](alice, mine, spelling) == first
    assert (await rules.events(alice), await rules.entries(alice), await alice.page()) == after
    assert len(after[0]) == len(before) + 1


@every_mutation
async def test_ten_at_once_are_one(alice: Person, mine: pb.MeImage, request_id: str, method: str) -> None:
    await prepared(alice, mine, method)
    before = await rules.events(alice)
    answers = await asyncio.gather(*(MUTATIONS[method](alice, mine, request_id) for _ in range(10)))
    assert all(answer == answers[0] for answer in answers)
    assert len(await rules.events(alice)) == len(before) + 1


@every_mutation
async def test_no_other_mutation_fits_under_its_id(
    alice: Person, mine: pb.MeImage, request_id: str, method: str
) -> None:
    await prepared(alice, mine, method)
    await MUTATIONS[method](alice, mine, request_id)
    before = await rules.events(alice)
    for other in MUTATIONS.keys() - {method}:
        answer = await refused(MUTATIONS[other](alice, mine, request_id))
        assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert await rules.events(alice) == before


@pytest.mark.parametrize("method", CHECKED)
async def test_no_other_target_fits_under_its_id(alice: Person, mine: pb.MeImage, request_id: str, method: str) -> None:
    other = await alice.create(mine.media.media_id, face("other"))
    now = await prepared(alice, mine, method)
    await CHECKED[method](alice, mine, None, request_id)
    for mutate in (CHECKED[method](alice, other, None, request_id), CHECKED[method](alice, mine, now.etag, request_id)):
        assert (await refused(mutate)).reason == "REQUEST_ID_REUSED"
    assert await alice.get(other.me_image_id) == other


async def test_no_other_value_fits_under_its_id(alice: Person, mine: pb.MeImage) -> None:
    me_image_id, ids = mine.me_image_id, [str(uuid.uuid4()) for _ in range(4)]
    changes = rpc.MeImageChanges(label="one", tags=["one"])
    await rules.update(alice, me_image_id, changes, "label", request_id=ids[0])
    await rules.opt(alice, me_image_id, enabled=True, request_id=ids[1])
    await rules.claim(alice, me_image_id, pb.SLOT_AVATAR, request_id=ids[2])
    await rules.switch(alice, enabled=False, request_id=ids[3])
    reused: list[Awaitable[object]] = [
        rules.update(alice, me_image_id, rpc.MeImageChanges(label="two"), "label", request_id=ids[0]),
        rules.update(alice, me_image_id, changes, "label", "tags", request_id=ids[0]),
        rules.opt(alice, me_image_id, enabled=False, request_id=ids[1]),
        rules.claim(alice, me_image_id, pb.SLOT_FACE_REF, request_id=ids[2]),
        rules.switch(alice, enabled=True, request_id=ids[3]),
    ]
    assert [(await refused(call)).reason for call in reused] == ["REQUEST_ID_REUSED"] * 5


@every_mutation
async def test_an_id_is_good_for_a_day(
    alice: Person, mine: pb.MeImage, served: Served, request_id: str, method: str
) -> None:
    await prepared(alice, mine, method)
    first = await MUTATIONS[method](alice, mine, request_id)
    await swept(served, timedelta(hours=23, minutes=59))
    assert await MUTATIONS[method](alice, mine, request_id) == first
    assert (await refused(rules.clear(alice, pb.SLOT_BODY_REF, request_id=request_id))).reason == "REQUEST_ID_REUSED"
    await swept(served, timedelta(hours=24, minutes=1))
    assert await rules.clear(alice, pb.SLOT_BODY_REF, request_id=request_id) == ""


async def test_mutations_at_once_are_told_in_the_order_of_their_revisions(
    alice: Person, mine: pb.MeImage, seeded: random.Random
) -> None:
    others = [await alice.create(mine.media.media_id, face(str(number))) for number in range(3)]
    ids = [str(uuid.uuid4()) for _ in range(30)]
    calls = [seeded.choice(list(CHECKED.values())[:3])(alice, seeded.choice(others), None, each) for each in ids]
    await asyncio.gather(*calls)
    told = await rules.events(alice)
    assert [event.revision for event in told] == sorted(event.revision for event in told)
    times = [event.time.ToNanoseconds() for event in told]
    assert times == sorted(times)
