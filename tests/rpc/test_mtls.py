"""Who may read and release, by the connection a call comes on and by what its token is bound to."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from meimage.v1 import reference_service_pb2 as rpc
from meimage.v1.reference_service_pb2_grpc import ReferenceServiceStub

from service.domain.callers import Scope
from tests import pictures
from tests.certificates import Authority, Files, Pair, channel_to
from tests.conftest import Serve, Served
from tests.people import Person, bearer, person, refused
from tests.releases import GENERATOR, opted_in
from tests.rpc.calls import Call, works
from tests.serve_process import free_port
from tests.tokens import Issuer

OURS, THEIRS = Authority("ours"), Authority("theirs")
NAME = "wardrobe"
GOOD = OURS.issue(NAME)
RENEWED = OURS.issue(NAME)
SCOPES = (Scope.READ, Scope.RELEASE, Scope.ON_BEHALF)
ANSWERED, UNKNOWN, CUT = "OK", "UNAUTHENTICATED", "UNAVAILABLE"

PLAIN = "no TLS"
CERTIFICATES: dict[str, Pair | None] = {
    "TLS without one": None,
    "a good one": GOOD,
    "one of another CA": THEIRS.issue(NAME),
    "an expired one": OURS.issue(NAME, life=timedelta(hours=-1)),
}
TOKENS: dict[str, dict[str, object]] = {
    "unbound": {},
    "bound to this": {"cnf": {"x5t#S256": GOOD.thumbprint}},
    "bound to another": {"cnf": {"x5t#S256": RENEWED.thumbprint}},
}
MATRIX = {
    # where and with what: (read, release) for a token that is unbound, bound to GOOD, bound to another one
    ("open", "TLS without one"): [(ANSWERED, UNKNOWN), (UNKNOWN, UNKNOWN), (UNKNOWN, UNKNOWN)],
    ("open", "a good one"): [(ANSWERED, UNKNOWN), (UNKNOWN, UNKNOWN), (UNKNOWN, UNKNOWN)],
    ("open", "an expired one"): [(ANSWERED, UNKNOWN), (UNKNOWN, UNKNOWN), (UNKNOWN, UNKNOWN)],
    ("open", "one of another CA"): [(ANSWERED, UNKNOWN), (UNKNOWN, UNKNOWN), (UNKNOWN, UNKNOWN)],
    ("open", PLAIN): [(CUT, CUT), (CUT, CUT), (CUT, CUT)],
    ("mtls", "TLS without one"): [(CUT, CUT), (CUT, CUT), (CUT, CUT)],
    ("mtls", "a good one"): [(ANSWERED, ANSWERED), (ANSWERED, ANSWERED), (UNKNOWN, UNKNOWN)],
    ("mtls", "one of another CA"): [(CUT, CUT), (CUT, CUT), (CUT, CUT)],
    ("mtls", "an expired one"): [(CUT, CUT), (CUT, CUT), (CUT, CUT)],
    ("mtls", PLAIN): [(CUT, CUT), (CUT, CUT), (CUT, CUT)],
    # a server without any TLS, which only asks whether a token is bound
    ("plain", PLAIN): [(ANSWERED, ANSWERED), (UNKNOWN, UNKNOWN), (UNKNOWN, UNKNOWN)],
}


@dataclass(frozen=True)
class Guarded:
    """A server that wants certificates for releases, and its two addresses."""

    served: Served
    mtls: str


@pytest.fixture(scope="module")
async def guarded(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guarded]:
    files = Files(tmp_path_factory.mktemp("tls")).write(OURS.server(), OURS.pem)
    mtls = f"127.0.0.1:{free_port()}"
    async with serve(**files, mtls_address=mtls, require_client_certificate=True) as served:
        yield Guarded(served, mtls)


@pytest.fixture
async def photo(alice: Person) -> str:
    """A photo that AI may use."""
    return (await alice.upload(pictures.png(), opted_in())).me_image.me_image_id


def release(channel: grpc.aio.Channel, token: str, user_id: str, photo: str) -> AsyncIterator[object]:
    request = rpc.ReleaseReferencesRequest(
        user_id=user_id, me_image_ids=[photo], generator=GENERATOR, purpose="portrait"
    )
    return aiter(ReferenceServiceStub(channel).ReleaseReferences(request, metadata=bearer(token)))


async def outcome(channel: grpc.aio.Channel, token: str, user_id: str, photo: str, *, releases: bool) -> str:
    call: Call
    call = release(channel, token, user_id, photo) if releases else person(channel, token, user_id).get(photo)
    try:
        assert await works(call)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return ANSWERED


async def both(channel: grpc.aio.Channel, token: str, user_id: str, photo: str) -> tuple[str, str]:
    """What a read says, and what a release says."""
    read = await outcome(channel, token, user_id, photo, releases=False)
    return read, await outcome(channel, token, user_id, photo, releases=True)


@pytest.mark.parametrize(("where", "shown"), MATRIX, ids=[", ".join(row) for row in MATRIX])
async def test_the_matrix(
    guarded: Guarded, served: Served, issuer: Issuer, alice: Person, photo: str, where: str, shown: str
) -> None:
    address = {"open": guarded.served.address, "mtls": guarded.mtls, "plain": served.address}[where]
    trusting = grpc.aio.insecure_channel(address)
    if shown != PLAIN:
        trusting = channel_to(address, OURS.pem, CERTIFICATES[shown])
    async with trusting as channel:
        tokens = [issuer.service(*SCOPES, name=NAME, **claims) for claims in TOKENS.values()]
        found = [await both(channel, token, alice.user_id, photo) for token in tokens]
    assert found == MATRIX[where, shown]


async def test_a_service_is_known_by_a_name_of_its_certificate(guarded: Guarded, issuer: Issuer, alice: Person) -> None:
    """Unless its token is bound, which says more than a name."""
    photo = (await alice.upload(pictures.png(), opted_in())).me_image.me_image_id
    uri = x509.UniformResourceIdentifier("spiffe://ours/wardrobe")
    named = OURS.issue("something-else", uri, x509.DNSName(NAME))
    unnamed = OURS.issue(NAME, x509.DNSName("something.else"))
    for certificate, name, bound, expected in (
        (named, NAME, False, ANSWERED),
        (named, "spiffe://ours/wardrobe", False, ANSWERED),
        (named, "something-else", False, UNKNOWN),
        (named, "wardrob", False, UNKNOWN),
        (unnamed, NAME, False, UNKNOWN),
        (unnamed, NAME, True, ANSWERED),
    ):
        claims = {"cnf": {"x5t#S256": certificate.thumbprint}} if bound else {}
        token = issuer.service(*SCOPES, name=name, **claims)
        async with channel_to(guarded.mtls, OURS.pem, certificate) as channel:
            assert await outcome(channel, token, alice.user_id, photo, releases=True) == expected
            assert await outcome(channel, token, alice.user_id, photo, releases=False) == ANSWERED


async def test_a_refusal_has_its_reason(guarded: Guarded, issuer: Issuer, alice: Person) -> None:
    async with channel_to(guarded.served.address, OURS.pem) as channel:
        call = release(channel, issuer.service(*SCOPES, name=NAME), alice.user_id, alice.user_id)
        assert (await refused(call)).reason == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "cnf",
    [
        None,
        "",
        7,
        [],
        {},
        {"jkt": GOOD.thumbprint},
        {"x5t#S256": None},
        {"x5t#S256": ""},
        {"x5t#S256": [GOOD.thumbprint]},
        {"x5t#S256": GOOD.thumbprint + "="},
        {"x5t#S256": GOOD.thumbprint.lower()},
        {"x5t": GOOD.thumbprint},
        {"x5t#S256": GOOD.thumbprint, "jkt": GOOD.thumbprint},
        {"X5T#S256": GOOD.thumbprint},
    ],
    ids=lambda cnf: str(cnf).replace(GOOD.thumbprint, "its").replace(GOOD.thumbprint.lower(), "its in small letters"),
)
async def test_a_binding_that_cannot_be_checked_proves_nobody(
    guarded: Guarded, issuer: Issuer, alice: Person, photo: str, cnf: object
) -> None:
    token = issuer.sign({"sub": NAME, "client_id": NAME, "scope": " ".join(SCOPES)}, payload={"cnf": cnf})
    async with channel_to(guarded.mtls, OURS.pem, GOOD) as channel:
        for releases in (False, True):
            assert await outcome(channel, token, alice.user_id, photo, releases=releases) == UNKNOWN


async def test_one_address_can_ask_everybody(serve: Serve, alice: Person, photo: str, tmp_path: Path) -> None:
    files = Files(tmp_path).write(OURS.server(), OURS.pem)
    async with serve(**files) as served:
        for certificate, expected in ((None, CUT), (GOOD, ANSWERED), (THEIRS.issue(NAME), CUT)):
            async with channel_to(served.address, OURS.pem, certificate) as channel:
                assert await outcome(channel, alice.token, alice.user_id, photo, releases=False) == expected
