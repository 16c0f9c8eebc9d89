"""What an ill-said decision gets: a status, a stable reason and the fields; nothing is decided, nothing is told."""

import pytest
from meimage.v1 import me_image_pb2 as pb

from tests import rules
from tests.people import Person, refused
from tests.rpc.bad_input import Bad
from tests.rpc.bad_rules import RULES
from tests.stored import Stored


@pytest.mark.parametrize("bad", RULES.values(), ids=RULES)
async def test_it_is_refused_with_its_reason_and_changes_nothing(
    alice: Person, mine: pb.MeImage, stored: Stored, bad: Bad
) -> None:
    before = await stored.rows(alice.user_id), await rules.events(alice)
    answer = await refused(bad.call(alice, mine))
    assert (answer.code.name, answer.reason, answer.fields) == (bad.code, bad.reason, bad.fields)
    assert (await stored.rows(alice.user_id), await rules.events(alice)) == before
    assert await alice.get(mine.me_image_id) == mine
