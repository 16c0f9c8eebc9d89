"""Who may call AdminService, and what an ill-said request gets."""

from collections.abc import AsyncIterable, Awaitable, Callable

import pytest
from meimage.v1 import admin_service_pb2 as pb
from meimage.v1.admin_service_pb2_grpc import AdminServiceStub

from service.domain.callers import Scope
from service.rpc.methods import ADMIN_SERVICE, FOR_EVERYBODY, FOR_NOBODY, SCOPES
from tests.conftest import Served
from tests.people import Metadata, Person, bearer, new_user_id, refused
from tests.rpc.calls import Target, said, works
from tests.rpc.test_authentication import BAD, REFUSED, BodilessCall, bad_metadata
from tests.stored import Stored
from tests.tokens import Issuer

DENIED = ("PERMISSION_DENIED", "PERMISSION_DENIED")
Call = Awaitable[object] | AsyncIterable[object]
FEW = (
    (),
    (Scope.ADMIN,),
    (Scope.ON_BEHALF,),
    (Scope.READ, Scope.WRITE, Scope.WATCH, Scope.RELEASE, Scope.ON_BEHALF),
)


def _verify(served: Served, metadata: Metadata, user_id: str) -> Call:
    request = pb.VerifyLedgerRequest(user_id=user_id)
    return AdminServiceStub(served.channel).VerifyLedger(request, metadata=metadata)


def _export(served: Served, metadata: Metadata, user_id: str) -> Call:
    return AdminServiceStub(served.channel).ExportUser(pb.ExportUserRequest(user_id=user_id), metadata=metadata)


def _erase(served: Served, metadata: Metadata, user_id: str) -> Call:
    return AdminServiceStub(served.channel).EraseUser(pb.EraseUserRequest(user_id=user_id), metadata=metadata)


def _status(served: Served, metadata: Metadata, _: str) -> Call:
    return AdminServiceStub(served.channel).GetStatus(pb.GetStatusRequest(), metadata=metadata)


METHODS: dict[str, Callable[[Served, Metadata, str], Call]] = {
    "VerifyLedger": _verify,
    "ExportUser": _export,
    "EraseUser": _erase,
    "GetStatus": _status,
}
assert {f"/{ADMIN_SERVICE}/{method}" for method in METHODS} == {
    method for method in SCOPES if method.startswith(f"/{ADMIN_SERVICE}/")
}, "the matrix knows every method"
every_method = pytest.mark.parametrize("method", METHODS)
every_method_about_somebody = pytest.mark.parametrize(
    "method", [method for method in METHODS if f"/{ADMIN_SERVICE}/{method}" not in FOR_NOBODY]
)


@every_method
@pytest.mark.parametrize("bad", BAD)
async def test_without_a_good_token_nothing_is_said(
    served: Served, issuer: Issuer, of_bob: Target, method: str, bad: str
) -> None:
    metadata = bad_metadata(bad, issuer, of_bob.user_id)
    assert said(await refused(METHODS[method](served, metadata, of_bob.user_id))) == REFUSED


@every_method
async def test_a_refusal_does_not_wait_for_the_body(served: Served, issuer: Issuer, method: str) -> None:
    """On the wire a call without a body is the same whatever its shape."""
    call: BodilessCall = served.channel.stream_unary(f"/{ADMIN_SERVICE}/{method}")
    assert said(await refused(call(timeout=5))) == REFUSED
    metadata = bearer(issuer.service(Scope.RELEASE, Scope.ON_BEHALF))
    assert said(await refused(call(metadata=metadata, timeout=5))) == DENIED


@every_method
async def test_no_user_may_call_whatever_the_token_says(
    served: Served, issuer: Issuer, bob: Person, of_bob: Target, stored: Stored, method: str
) -> None:
    before = await stored.rows(bob.user_id)
    for token in (bob.token, issuer.user(bob.user_id, scope=" ".join(Scope))):
        assert said(await refused(METHODS[method](served, bearer(token), bob.user_id))) == DENIED
    assert await stored.rows(bob.user_id) == before
    assert of_bob.user_id == bob.user_id


@every_method
async def test_a_service_needs_the_scope_and_to_act_for_users(
    served: Served, issuer: Issuer, bob: Person, of_bob: Target, stored: Stored, method: str
) -> None:
    before = await stored.rows(bob.user_id)
    for scopes in FEW:
        metadata = bearer(issuer.service(*scopes))
        calls = [METHODS[method](served, metadata, user_id) for user_id in (bob.user_id, new_user_id())]
        if f"/{ADMIN_SERVICE}/{method}" in FOR_NOBODY and Scope.ADMIN in scopes:
            assert [await works(call) for call in calls] == [True, True]
        else:
            answers = [await refused(call) for call in calls]
            assert said(answers[0]) == DENIED
            assert answers[0] == answers[1]
    assert await stored.rows(of_bob.user_id) == before
    metadata = bearer(issuer.service(Scope.ADMIN, Scope.ON_BEHALF))
    assert await works(METHODS[method](served, metadata, bob.user_id))


@every_method_about_somebody
async def test_nobody_named(served: Served, issuer: Issuer, method: str) -> None:
    """A verification is then of all ledgers, which needs no leave to name anybody."""
    call = METHODS[method](served, bearer(issuer.service(Scope.ADMIN)), "")
    if f"/{ADMIN_SERVICE}/{method}" in FOR_EVERYBODY:
        assert await works(call)
    else:
        assert (await refused(call)).fields == ("user_id",)
    denied = METHODS[method](served, bearer(issuer.service(Scope.WATCH, Scope.ON_BEHALF)), "")
    assert said(await refused(denied)) == DENIED


@every_method_about_somebody
@pytest.mark.parametrize("user_id", ["x" * 129, "a\nb", "\x00"])
async def test_somebody_named_ill(served: Served, issuer: Issuer, method: str, user_id: str) -> None:
    call = METHODS[method](served, bearer(issuer.service(Scope.ADMIN, Scope.ON_BEHALF)), user_id)
    answer = await refused(call)
    assert (answer.code.name, answer.reason, answer.fields) == ("INVALID_ARGUMENT", "INVALID_FIELDS", ("user_id",))
