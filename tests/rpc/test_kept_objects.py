"""What is kept in memory, sealed, serves the next release, and nobody whose consent has ended."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from service.domain.callers import USER_SCOPES, Caller, CallerKind
from service.domain.errors import UserErased
from service.domain.model import MeImageId, UserId
from service.rpc.budget import ByteBudget
from service.usecases.download import Wish, find_download, open_download
from tests import pictures, rules
from tests.admins import office
from tests.conftest import Served
from tests.people import Person, face, refused
from tests.releases import opted_in, studio
from tests.rpc.calls import said
from tests.tokens import Issuer

Ending = Callable[[Person, str, Served, Issuer], Awaitable[object]]


async def withdraw(who: Person, me_image_id: str, _served: Served, _issuer: Issuer) -> None:
    await rules.opt(who, me_image_id, enabled=False)


async def pause(who: Person, _me_image_id: str, _served: Served, _issuer: Issuer) -> None:
    await rules.switch(who, enabled=False)


async def delete(who: Person, me_image_id: str, _served: Served, _issuer: Issuer) -> None:
    await rules.delete(who, me_image_id)


async def erase(who: Person, _me_image_id: str, served: Served, issuer: Issuer) -> None:
    await office(served, issuer).erase(who.user_id)


async def test_the_next_release_needs_no_fetching(alice: Person, served: Served, issuer: Issuer) -> None:
    made = (await alice.upload(pictures.jpeg(), opted_in())).me_image.me_image_id
    backend, kept = studio(served, issuer), served.built.parts.kept
    first = await backend.release(alice, made)
    before = kept.kept_reads
    again = await backend.release(alice, made)
    assert kept.kept_reads == before + 1
    assert first.images == again.images
    assert first.release.release_id != again.release.release_id
    assert len(await rules.entries(alice)) == 3, "a consent, and each release"


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        (withdraw, "CONSENT_NOT_GIVEN"),
        (pause, "AI_REFERENCES_PAUSED"),
        (delete, "ME_IMAGE_DELETED"),
        (erase, "USER_ERASED"),
    ],
)
async def test_it_serves_nobody_whose_consent_has_ended(
    alice: Person, served: Served, issuer: Issuer, ending: Ending, why: str
) -> None:
    made = (await alice.upload(pictures.jpeg(), opted_in())).me_image
    backend, kept = studio(served, issuer), served.built.parts.kept
    await backend.release(alice, made.me_image_id)
    of_hers = {key for key in kept._kept if made.media.media_id in key}
    assert of_hers
    await ending(alice, made.me_image_id, served, issuer)
    assert of_hers <= kept._kept.keys(), "as sealed as it is, it is still there"
    assert said(await refused(backend.release(alice, made.me_image_id))) == ("FAILED_PRECONDITION", why)


async def test_a_download_that_waited_is_opened_with_the_key_as_it_stands_then(
    alice: Person, served: Served, issuer: Issuer
) -> None:
    """Found before an erasure, and still there in memory: nothing of it leaves after that was acknowledged."""
    world, user_id = served.built.world, UserId(alice.user_id)
    made = (await alice.upload(pictures.jpeg(), face())).me_image
    await alice.download(made.me_image_id)
    caller = Caller(CallerKind.USER, alice.user_id, USER_SCOPES)
    wish = Wish(caller, user_id, MeImageId(UUID(made.me_image_id)), None)
    found = await find_download(world, wish, ByteBudget(1 << 24, 0).hold)
    await erase(alice, made.me_image_id, served, issuer)
    with pytest.raises(UserErased):
        await open_download(world, found)
