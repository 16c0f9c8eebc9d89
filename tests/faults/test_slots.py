"""Primary slots under pressure: at most one holder, and whoever loses a slot changes."""

import asyncio
import random

from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import pictures
from tests.people import Person, face
from tests.stored import Stored

ALL = (pb.SLOT_AVATAR, pb.SLOT_FACE_REF, pb.SLOT_BODY_REF)


async def pool_of(person: Person) -> list[pb.MeImage]:
    return list((await person.page(rpc.ListMeImagesRequest(page_size=200))).me_images)


async def test_fifty_claims_of_one_slot_at_once_leave_one_holder(alice: Person, stored: Stored) -> None:
    media_id = (await alice.upload(pictures.jpeg())).media.media_id
    claims = (alice.create(media_id, face(slots=[pb.SLOT_AVATAR])) for _ in range(50))
    made = {each.me_image_id: each for each in await asyncio.gather(*claims)}
    assert all(list(each.slots) == [pb.SLOT_AVATAR] for each in made.values())
    pool = await pool_of(alice)
    holders = [each for each in pool if each.slots]
    assert len(pool) == 50
    assert len(holders) == 1
    assert holders[0] == made[holders[0].me_image_id]
    for former in (each for each in pool if not each.slots):
        assert former.etag != made[former.me_image_id].etag
        assert former.update_time.ToNanoseconds() >= former.create_time.ToNanoseconds()
    assert (await stored.rows(alice.user_id))["primary_slots"] == 1


async def test_claims_of_several_slots_in_any_order_never_block_each_other(
    alice: Person, stored: Stored, seeded: random.Random
) -> None:
    media_id = (await alice.upload(pictures.jpeg())).media.media_id
    wanted = [seeded.sample(ALL, seeded.randint(1, 3)) for _ in range(50)]
    made = await asyncio.gather(*(alice.create(media_id, face(slots=slots)) for slots in wanted))
    assert [list(each.slots) for each in made] == [sorted(slots) for slots in wanted]
    held = [slot for each in await pool_of(alice) for slot in each.slots]
    assert sorted(held) == sorted({slot for slots in wanted for slot in slots})
    assert (await stored.rows(alice.user_id))["primary_slots"] == len(held)


async def test_etags_of_a_user_never_repeat(alice: Person) -> None:
    media_id = (await alice.upload(pictures.jpeg())).media.media_id
    made = await asyncio.gather(*(alice.create(media_id, face()) for _ in range(30)))
    assert len({each.etag for each in made}) == 30
