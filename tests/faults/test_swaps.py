"""Two hundred changes of one slot at once, from many connections."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import pictures, rules
from tests.conftest import Served
from tests.invariants import sound
from tests.people import Person, face, person, refusal
from tests.stored import Stored
from tests.watching import watching

CONNECTIONS, SWAPS, POOL = 20, 200, 6


@pytest.fixture
async def pool(alice: Person) -> list[str]:
    """Me-images that contend for a slot."""
    media_id = (await alice.upload(pictures.png())).media.media_id
    return [(await alice.create(media_id, face(str(number)))).me_image_id for number in range(POOL)]


@pytest.fixture
async def callers(alice: Person, served: Served) -> AsyncIterator[list[Person]]:
    """The same person over connections of their own."""
    async with AsyncExitStack() as stack:
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(served.address, options=options))
            for _ in range(CONNECTIONS)
        ]
        yield [person(channel, alice.token, alice.user_id) for channel in channels]


async def test_two_hundred_swaps_at_once(
    alice: Person, pool: list[str], callers: list[Person], stored: Stored, seeded: random.Random
) -> None:
    wanted = [seeded.choice(pool) for _ in range(SWAPS)]
    async with watching(alice) as watch:
        answers = await asyncio.gather(
            *(rules.claim(callers[n % CONNECTIONS], of, pb.SLOT_AVATAR) for n, of in enumerate(wanted))
        )
        real = [each for each in answers if each.previous_me_image_id != each.me_image.me_image_id]
        told = await watch.until(len(real))
    assert len(answers) == SWAPS
    assert [event.primary_changed.previous_me_image_id for event in told[1:]] == [
        event.primary_changed.me_image_id for event in told[:-1]
    ]
    assert sorted(event.primary_changed.me_image_id for event in told) == sorted(
        each.me_image.me_image_id for each in real
    )
    assert (await sound(alice, stored.database)).holders == {"AVATAR": told[-1].primary_changed.me_image_id}
    assert rules.facts(await rules.events(alice)) == ["added"] * POOL + ["primary_changed"] * len(real)


async def test_the_same_with_everything_else_mixed_in(
    alice: Person, pool: list[str], callers: list[Person], stored: Stored, seeded: random.Random
) -> None:
    async def one(who: Person) -> str:
        of = seeded.choice(pool)
        try:
            match seeded.choice(["claim", "claim", "delete", "undelete", "opt", "clear", "switch"]):
                case "claim":
                    await rules.claim(who, of, seeded.choice([pb.SLOT_AVATAR, pb.SLOT_FACE_REF]))
                case "delete":
                    await rules.delete(who, of)
                case "undelete":
                    await rules.undelete(who, of)
                case "opt":
                    await rules.opt(who, of, enabled=seeded.random() < 0.7)
                case "clear":
                    await rules.clear(who, pb.SLOT_AVATAR)
                case _:
                    await rules.switch(who, enabled=seeded.random() < 0.5)
        except grpc.aio.AioRpcError as error:
            return refusal(error).reason
        return "OK"

    answers = await asyncio.gather(*(one(callers[number % CONNECTIONS]) for number in range(2 * SWAPS)))
    assert set(answers) <= {"OK", "ME_IMAGE_DELETED"}
    assert answers.count("OK") > SWAPS
    state = await sound(alice, stored.database)
    assert set(state.kinds) == set(pool)
    listed = (await alice.page(rpc.ListMeImagesRequest(include_deleted=True))).me_images
    slots = {pb.Slot.Name(slot)[5:]: each.me_image_id for each in listed for slot in each.slots}
    assert slots == state.holders
    assert {each.me_image_id for each in listed if each.HasField("delete_time")} == state.deleted
