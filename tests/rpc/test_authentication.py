"""Without a token that verifies, nothing is said and nothing is stored."""

from typing import TypeAlias

import grpc
import pytest

from service.rpc.methods import ME_IMAGE_SERVICE
from tests import tokens
from tests.conftest import Served
from tests.people import Metadata, Person, bearer, person, refused
from tests.rpc.calls import METHODS, Nobody, Target, said
from tests.stored import Stored
from tests.tokens import Issuer

BodilessCall: TypeAlias = "grpc.aio.StreamUnaryMultiCallable[bytes, bytes]"
REFUSED = ("UNAUTHENTICATED", "UNAUTHENTICATED")
BAD = (
    *("none", "basic", "bare", "empty", "garbage", "expired", "audience", "issuer", "no subject", "alg none"),
    *("hmac", "unknown kid", "kid of another key", "nested", "huge"),
)


def bad_metadata(bad: str, issuer: Issuer, user_id: str) -> Metadata:
    """Return what such a caller sends in place of a good token."""
    public = tokens.public_forms(issuer.keys["RS256"])[0]
    return {
        "none": (),
        "basic": (("authorization", f"Basic {issuer.user(user_id)}"),),
        "bare": (("authorization", issuer.user(user_id)),),
        "empty": bearer(""),
        "garbage": bearer("garbage"),
        "expired": bearer(issuer.user(user_id, exp=1)),
        "audience": bearer(issuer.user(user_id, aud="another-service")),
        "issuer": bearer(issuer.user(user_id, iss="somebody-else")),
        "no subject": bearer(issuer.user(user_id, sub=None)),
        "alg none": bearer(tokens.unsigned(user_id)),
        "hmac": bearer(tokens.signed_with_public_key(user_id, "RS256", public)),
        "unknown kid": bearer(issuer.sign({"sub": user_id}, kid="unknown")),
        "kid of another key": bearer(issuer.sign({"sub": user_id}, kid="ES256")),
        "nested": bearer("W1tb" * 1500 + ".e30.AAAA"),
        "huge": bearer(issuer.user(user_id, note="x" * 6200)),
    }[bad]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", BAD)
async def test_it_is_refused(issuer: Issuer, of_bob: Target, bob: Person, method: str, bad: str) -> None:
    nobody = Nobody(bob.user_id, "", bob.stub, bad_metadata(bad, issuer, bob.user_id))
    existing, absent = [await refused(METHODS[method](nobody, to)) for to in (of_bob, Target.absent(bob.user_id))]
    assert existing == absent
    assert said(existing) == REFUSED


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
async def test_a_good_token_of_each_kind_is_taken(
    served: Served, issuer: Issuer, of_bob: Target, algorithm: str
) -> None:
    caller = person(served.channel, issuer.sign({"sub": of_bob.user_id}, algorithm), of_bob.user_id)
    assert (await caller.get(of_bob.me_image_id)).me_image_id == of_bob.me_image_id


async def test_the_first_authorization_that_bears_a_token_counts(issuer: Issuer, of_bob: Target, bob: Person) -> None:
    other = issuer.user("somebody-else")
    pairs = (*bearer(other), *bearer(bob.token))
    answer = await refused(METHODS["GetMeImage"](Nobody(bob.user_id, "", bob.stub, pairs), of_bob))
    assert answer.reason == "PERMISSION_DENIED"


async def test_a_refused_upload_stores_nothing(alice: Person, stored: Stored) -> None:
    before = stored.keys()
    nobody = Nobody(alice.user_id, "", alice.stub, bearer(tokens.unsigned(alice.user_id)))
    assert said(await refused(METHODS["UploadMeImage"](nobody, Target.absent(alice.user_id)))) == REFUSED
    assert await stored.rows(alice.user_id) == {}
    assert stored.keys() == before


@pytest.mark.parametrize("method", METHODS)
async def test_a_refusal_does_not_wait_for_the_body(served: Served, method: str) -> None:
    """On the wire a call without a body is the same whatever its shape."""
    call: BodilessCall = served.channel.stream_unary(f"/{ME_IMAGE_SERVICE}/{method}")
    assert said(await refused(call(timeout=5))) == REFUSED
