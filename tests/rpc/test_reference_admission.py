"""Who may ask for references, and what an ill-said request gets: a status, a stable reason, no byte and no entry."""

import uuid
from collections.abc import AsyncIterable, Awaitable, Callable

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import reference_service_pb2 as rpc
from meimage.v1.reference_service_pb2_grpc import ReferenceServiceStub

from service.domain.callers import Scope
from service.rpc.methods import REFERENCE_SERVICE, SCOPES
from tests import pictures, rules
from tests.conftest import Served
from tests.people import Metadata, Person, bearer, refused
from tests.releases import GENERATOR, Studio, opted_in, studio
from tests.rpc.bad_references import REFERENCES, BadReference
from tests.rpc.calls import said, works
from tests.rpc.test_authentication import BAD, REFUSED, BodilessCall, bad_metadata
from tests.stored import Stored
from tests.tokens import Issuer

DENIED = ("PERMISSION_DENIED", "PERMISSION_DENIED")
Call = Awaitable[object] | AsyncIterable[object]
FEW = (
    (),
    (Scope.RELEASE,),
    (Scope.ON_BEHALF,),
    (Scope.READ, Scope.WRITE, Scope.WATCH, Scope.ON_BEHALF),
)


def _release(served: Served, metadata: Metadata, user_id: str, me_image_id: str) -> Call:
    request = rpc.ReleaseReferencesRequest(
        user_id=user_id, me_image_ids=[me_image_id], generator=GENERATOR, purpose="portrait"
    )
    return ReferenceServiceStub(served.channel).ReleaseReferences(request, metadata=metadata)


def _references(served: Served, metadata: Metadata, user_id: str, _: str) -> Call:
    request = rpc.ListReferencesRequest(user_id=user_id)
    return ReferenceServiceStub(served.channel).ListReferences(request, metadata=metadata)


def _generators(served: Served, metadata: Metadata, _: str, __: str) -> Call:
    return ReferenceServiceStub(served.channel).ListGenerators(rpc.ListGeneratorsRequest(), metadata=metadata)


METHODS: dict[str, Callable[[Served, Metadata, str, str], Call]] = {
    "ListReferences": _references,
    "ListGenerators": _generators,
    "ReleaseReferences": _release,
}
assert {f"/{REFERENCE_SERVICE}/{method}" for method in METHODS} == {
    method for method in SCOPES if method.startswith(f"/{REFERENCE_SERVICE}/")
}, "the matrix knows every method"
every_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture
async def open_photo(bob: Person) -> pb.MeImage:
    """A photo of somebody that AI may use."""
    return (await bob.upload(pictures.png(), opted_in())).me_image


@pytest.fixture
def wardrobe(served: Served, issuer: Issuer) -> Studio:
    return studio(served, issuer)


@every_method
@pytest.mark.parametrize("bad", BAD)
async def test_without_a_good_token_nothing_is_said(
    served: Served, issuer: Issuer, bob: Person, open_photo: pb.MeImage, method: str, bad: str
) -> None:
    metadata = bad_metadata(bad, issuer, bob.user_id)
    assert said(await refused(METHODS[method](served, metadata, bob.user_id, open_photo.me_image_id))) == REFUSED


@every_method
async def test_a_refusal_does_not_wait_for_the_body(served: Served, method: str) -> None:
    """On the wire a call without a body is the same whatever its shape."""
    call: BodilessCall = served.channel.stream_unary(f"/{REFERENCE_SERVICE}/{method}")
    assert said(await refused(call(timeout=5))) == REFUSED


@every_method
async def test_no_user_may_ask_whatever_the_token_says(
    served: Served, issuer: Issuer, bob: Person, open_photo: pb.MeImage, method: str
) -> None:
    for token in (bob.token, issuer.user(bob.user_id, scope=" ".join(Scope))):
        call = METHODS[method](served, bearer(token), bob.user_id, open_photo.me_image_id)
        assert said(await refused(call)) == DENIED
    assert await rules.kinds(bob) == ["CONSENT_GIVEN"]


@every_method
async def test_a_service_needs_the_scope_and_to_act_for_users(
    served: Served, issuer: Issuer, bob: Person, open_photo: pb.MeImage, method: str
) -> None:
    for scopes in FEW:
        metadata = bearer(issuer.service(*scopes))
        calls = [
            METHODS[method](served, metadata, *named)
            for named in ((bob.user_id, open_photo.me_image_id), (str(uuid.uuid4()), str(uuid.uuid4())))
        ]
        if method == "ListGenerators" and Scope.RELEASE in scopes:
            assert await works(calls[0])
            assert await works(calls[1])
        else:
            answers = [await refused(call) for call in calls]
            assert said(answers[0]) == DENIED
            assert answers[0] == answers[1]
    assert await rules.kinds(bob) == ["CONSENT_GIVEN"]
    metadata = bearer(issuer.service(Scope.RELEASE, Scope.ON_BEHALF))
    assert await works(METHODS[method](served, metadata, bob.user_id, open_photo.me_image_id))


async def test_anothers_photo_looks_like_one_that_is_not_there(
    alice: Person, open_photo: pb.MeImage, wardrobe: Studio
) -> None:
    answers = []
    for me_image_id in (open_photo.me_image_id, str(uuid.uuid4())):
        request = rpc.ReleaseReferencesRequest(user_id=alice.user_id, me_image_ids=[me_image_id])
        answers.append(await refused(wardrobe.messages(request)))
    assert [(answer.code, answer.reason) for answer in answers] == [
        (grpc.StatusCode.NOT_FOUND, "ME_IMAGE_NOT_FOUND")
    ] * 2
    assert [len(answer.references) for answer in answers] == [1, 1]


@pytest.mark.parametrize("bad", REFERENCES.values(), ids=REFERENCES)
async def test_it_is_refused_with_its_reason_and_changes_nothing(
    alice: Person, mine: pb.MeImage, wardrobe: Studio, stored: Stored, bad: BadReference
) -> None:
    before = await stored.rows(alice.user_id), stored.keys()
    answer = await refused(bad.call(wardrobe, alice, mine))
    assert (answer.code.name, answer.reason, answer.fields) == (bad.code, bad.reason, bad.fields)
    assert (await stored.rows(alice.user_id), stored.keys()) == before
    assert await rules.kinds(alice) == []


async def test_the_registry_is_told(served: Served, wardrobe: Studio) -> None:
    answer = await wardrobe.stub.ListGenerators(rpc.ListGeneratorsRequest(), metadata=bearer(wardrobe.token))
    told = {each.generator_id: each for each in answer.generators}
    assert list(told) == sorted(served.built.world.generators)
    image_2 = told[GENERATOR]
    assert (image_2.max_references, image_2.rendition) == (16, pb.RENDITION_PNG_1024)
    assert "image/png" in image_2.content_types
    assert image_2.source.startswith("https://")


async def test_a_refusal_names_at_most_twenty(alice: Person, mine: pb.MeImage, wardrobe: Studio) -> None:
    ids = [str(uuid.uuid4()) for _ in range(99)]
    request = rpc.ReleaseReferencesRequest(user_id=alice.user_id, me_image_ids=[mine.me_image_id, *ids])
    answer = await refused(wardrobe.messages(request))
    assert (answer.code.name, answer.reason) == ("FAILED_PRECONDITION", "CONSENT_NOT_GIVEN")
    assert answer.references[:2] == ((mine.me_image_id, "CONSENT_NOT_GIVEN"), (ids[0], "ME_IMAGE_NOT_FOUND"))
    assert len(answer.references) == 20
