"""What exists, for tests of who may see it."""

import pytest
from meimage.v1 import me_image_pb2 as pb

from tests import pictures
from tests.conftest import Served
from tests.people import Person, face
from tests.rpc.calls import Target


@pytest.fixture
async def of_bob(bob: Person) -> Target:
    """A me-image that somebody has."""
    made = (await bob.upload(pictures.png(), face("of bob"))).me_image
    return Target(bob.user_id, made.me_image_id, made.media.media_id)


@pytest.fixture
async def mine(alice: Person) -> pb.MeImage:
    """A me-image of the person whom a test is about."""
    return (await alice.upload(pictures.png(), face("mine", "tag"))).me_image


@pytest.fixture(autouse=True)
async def nothing_in_the_background(served: Served) -> None:
    """Whoever compares the whole bucket must not meet what an earlier test's opt-in still makes."""
    await served.built.chores.done()
