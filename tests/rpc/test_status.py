"""GetStatus: what is stored and what waits, as upkeep will find it."""

from datetime import UTC, datetime, timedelta

from service.adapters.postgres.migrate import migrations
from service.usecases import status
from service.usecases.status import get_status
from tests import pictures, rules
from tests.admins import office
from tests.conftest import Served
from tests.people import Person, face
from tests.sweeping import later
from tests.tokens import Issuer


async def test_it_says_what_this_server_is(served: Served, issuer: Issuer, alice: Person) -> None:
    await alice.upload(pictures.png(), face())
    told = await office(served, issuer).status()
    assert told.schema_version == len(migrations())
    assert abs(datetime.now(UTC) - told.time.ToDatetime(UTC)) < timedelta(minutes=1)
    (epoch,) = told.key_epochs
    assert epoch.epoch == 1
    assert epoch.users >= 1
    assert told.events >= 1


async def test_what_waits_for_upkeep_is_counted(served: Served, alice: Person) -> None:
    made = (await alice.upload(pictures.png(), face())).me_image
    before = (await get_status(later(served.built.world, timedelta(days=31)))).backlog.due_me_images
    await rules.delete(alice, made.me_image_id)
    assert (await get_status(later(served.built.world, timedelta(days=31)))).backlog.due_me_images == before + 1
    assert (await get_status(later(served.built.world, timedelta(days=29)))).backlog.due_me_images <= before


async def test_counting_ends_somewhere(served: Served, alice: Person) -> None:
    for _ in range(2):
        await rules.switch(alice, enabled=False)
        await rules.switch(alice, enabled=True)
    backlog = await served.built.store.backlog(datetime.now(UTC), 3)
    assert backlog.events == 3 < status.MOST_COUNTED
