"""Calls that are given up at any moment, and sent again: each has one effect, and nothing of them is left."""

import asyncio
import math
import random
import uuid
from collections.abc import Awaitable, Callable

import grpc
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import pictures, rules
from tests.conftest import Served
from tests.invariants import sound
from tests.people import Person, face, person
from tests.stored import Stored
from tests.waiting import until

ROUNDS = 30
Decision = Callable[[Person, str], Awaitable[object]]

_LEFT = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'me-images' AND (state LIKE 'idle in transaction%' OR wait_event = 'advisory')
"""


def decisions(one: str, other: str, media_id: str, number: int) -> dict[str, Decision]:
    """Return what one round decides, by the event that each makes; the rounds undo each other."""
    first = number % 2 == 0
    of, labelled = one if first else other, rpc.MeImageChanges(label=f"number {number}")
    return {
        "updated": lambda who, id_: rules.update(who, of, labelled, "label", request_id=id_),
        "ai_reference_toggled": lambda who, id_: rules.opt(who, one, first, request_id=id_),
        "primary_changed": lambda who, id_: rules.claim(who, of, pb.SLOT_AVATAR, request_id=id_),
        "ai_settings_changed": lambda who, id_: rules.switch(who, not first, request_id=id_),
        "added": lambda who, id_: who.create(media_id, face(), request_id=id_),
    }


def deletions(who_goes: str) -> dict[str, Decision]:
    """Return what a round decides about a me-image that nothing else is decided about."""
    return {
        "primary_changed": lambda who, id_: rules.claim(who, who_goes, pb.SLOT_BODY_REF, request_id=id_),
        "primary_changed ": lambda who, id_: rules.clear(who, pb.SLOT_BODY_REF, request_id=id_),
        "deleted": lambda who, id_: rules.delete(who, who_goes, request_id=id_),
        "restored": lambda who, id_: rules.undelete(who, who_goes, request_id=id_),
    }


def moment(chance: random.Random) -> float:
    """Return seconds of any scale that a call may take: many calls are met on slow machines and on fast ones."""
    return math.exp(chance.uniform(math.log(0.0005), math.log(0.02)))


async def given_up(decide: Decision, who: Person, request_id: str, seconds: float) -> bool:
    """Make a call and cancel it after so long; tell whether it came to that."""
    try:
        async with asyncio.timeout(seconds):
            await decide(who, request_id)
    except TimeoutError:
        return True
    return False


async def test_each_has_one_effect(alice: Person, stored: Stored, seeded: random.Random) -> None:
    uploads = [(await alice.upload(photo, face())).me_image for photo in (pictures.png(), pictures.jpeg())]
    goes = await alice.create(uploads[0].media.media_id, face())
    one, other = (each.me_image_id for each in uploads)
    expected, cancelled = ["added"] * 3, 0
    for number in range(ROUNDS):
        rounds = decisions(one, other, uploads[0].media.media_id, number)
        for fact, decide in [*rounds.items(), *deletions(goes.me_image_id).items()]:
            request_id = str(uuid.uuid4())
            cancelled += await given_up(decide, alice, request_id, moment(seeded))
            first = await decide(alice, request_id)
            assert await decide(alice, request_id) == first
            expected.append(fact.strip())
    assert rules.facts(await rules.events(alice)) == expected
    assert cancelled > ROUNDS
    assert len((await sound(alice, stored.database)).kinds) == 3 + ROUNDS
    assert len(await rules.entries(alice)) == 2 * ROUNDS


async def test_calls_that_nobody_waits_for_leave_no_lock(
    alice: Person, served: Served, stored: Stored, seeded: random.Random
) -> None:
    made = (await alice.upload(pictures.png(), face())).me_image
    for wave in range(4):  # each as many as the server takes of one connection, and with a connection of its own
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(served.address, options=options) as channel:
            me = person(channel, alice.token, alice.user_id)
            calls = list(decisions(made.me_image_id, made.me_image_id, made.media.media_id, wave).values())[:4]
            late = [given_up(seeded.choice(calls), me, "", seeded.uniform(0, 0.1)) for _ in range(60)]
            assert any(await asyncio.gather(*late))

    async def nothing_left() -> bool:
        return bool(await stored.database.fetchval(_LEFT) == 0)

    await until(nothing_left)
    await sound(alice, stored.database)
    async with asyncio.timeout(5):
        assert (await rules.relabel(alice, made.me_image_id, "free")).label == "free"
