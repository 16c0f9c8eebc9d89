"""Who may call what for whom: everything else looks the same, whether it exists or not."""

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from service.domain.callers import Scope
from service.rpc.methods import ME_IMAGE_SERVICE, SCOPES
from tests import pictures
from tests.conftest import Served
from tests.people import Person, face, person, refused
from tests.rpc.calls import METHODS, WITH_ID, Target, needed, said, works
from tests.stored import Stored
from tests.tokens import Issuer

DENIED = ("PERMISSION_DENIED", "PERMISSION_DENIED")
READ, WRITE, ON_BEHALF = Scope.READ, Scope.WRITE, Scope.ON_BEHALF
SERVICES = ((), (READ, WRITE), (ON_BEHALF,), (READ, ON_BEHALF), (WRITE, ON_BEHALF), (READ, WRITE, ON_BEHALF))
every_method = pytest.mark.parametrize("method", METHODS)


def test_the_matrix_knows_every_method() -> None:
    ours = {method for method in SCOPES if method.startswith(f"/{ME_IMAGE_SERVICE}/")}
    assert {f"/{ME_IMAGE_SERVICE}/{method}" for method in METHODS} == ours


@every_method
async def test_a_user_reaches_what_is_the_users_own(bob: Person, of_bob: Target, method: str) -> None:
    assert await works(METHODS[method](bob, of_bob))


@every_method
async def test_a_user_reaches_nobody_else(
    alice: Person, bob: Person, of_bob: Target, stored: Stored, method: str
) -> None:
    before = await stored.rows(bob.user_id)
    foreign, absent_id, absent_user = [
        await refused(METHODS[method](alice, to)) for to in (of_bob, Target.absent(bob.user_id), Target.absent())
    ]
    assert said(foreign) == DENIED
    assert foreign == absent_id == absent_user
    assert await stored.rows(bob.user_id) == before


@pytest.mark.parametrize("method", WITH_ID)
async def test_what_is_anothers_looks_like_what_is_not_there(alice: Person, of_bob: Target, method: str) -> None:
    await alice.upload(pictures.png(), face())
    of_another = Target(alice.user_id, of_bob.me_image_id, of_bob.media_id)
    foreign, absent = [await refused(METHODS[method](alice, to)) for to in (of_another, Target.absent(alice.user_id))]
    assert foreign.code is grpc.StatusCode.NOT_FOUND
    assert foreign == absent


@every_method
async def test_a_users_token_may_be_narrower(served: Served, issuer: Issuer, of_bob: Target, method: str) -> None:
    for scopes in ((), (READ,), (WRITE,), (READ, WRITE)):
        narrow = person(served.channel, issuer.user(of_bob.user_id, scope=" ".join(scopes)), of_bob.user_id)
        if needed(method) in scopes:
            assert await works(METHODS[method](narrow, of_bob))
        else:
            assert said(await refused(METHODS[method](narrow, of_bob))) == DENIED


@every_method
async def test_a_service_needs_the_scope_and_to_act_for_users(
    served: Served, issuer: Issuer, of_bob: Target, method: str
) -> None:
    absent = Target.absent(of_bob.user_id)
    for scopes in SERVICES:
        backend = person(served.channel, issuer.service(*scopes), "backend")
        if ON_BEHALF in scopes and needed(method) in scopes:
            assert await works(METHODS[method](backend, of_bob))
            if method in WITH_ID:
                assert (await refused(METHODS[method](backend, absent))).code is grpc.StatusCode.NOT_FOUND
        else:
            answers = [await refused(METHODS[method](backend, to)) for to in (of_bob, absent, Target.absent())]
            assert said(answers[0]) == DENIED
            assert len(set(answers)) == 1


@every_method
async def test_a_service_named_like_a_user_is_not_that_user(
    served: Served, issuer: Issuer, of_bob: Target, method: str
) -> None:
    namesake = person(served.channel, issuer.service(READ, WRITE, name=of_bob.user_id), of_bob.user_id)
    assert said(await refused(METHODS[method](namesake, of_bob))) == DENIED


async def test_a_second_header_cannot_change_the_user(alice: Person, of_bob: Target, stored: Stored) -> None:
    headers = [rpc.UploadHeader(user_id=user_id) for user_id in (alice.user_id, of_bob.user_id)]
    messages = [rpc.UploadMeImageRequest(header=header) for header in headers]
    assert said(await refused(alice.send(messages))) == DENIED
    assert await stored.rows(alice.user_id) == {}


async def test_a_service_acts_for_the_user_it_names(served: Served, issuer: Issuer, bob: Person) -> None:
    backend = person(served.channel, issuer.service(*Scope), bob.user_id)
    made: pb.MeImage = (await backend.upload(pictures.png(), face("made for bob"))).me_image
    assert await bob.get(made.me_image_id) == made
