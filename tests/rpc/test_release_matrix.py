"""Who gets bytes of whose photos in which state: only where all holds, and otherwise none, counted on the wire."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

import grpc
import pytest
from meimage.v1 import ledger_pb2
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import reference_service_pb2 as rpc
from meimage.v1.reference_service_pb2_grpc import ReferenceServiceStub

from tests import pictures, rules
from tests.conftest import Served
from tests.people import Person, face, refused
from tests.proxy import Wire, wire_to
from tests.releases import SCOPES, Studio, opted_in, whole
from tests.rpc.calls import said
from tests.sweeping import swept
from tests.tokens import Issuer

PURGED = timedelta(days=30, minutes=1)
NO_PICTURE = 4 * 1024
"""Bytes from server to caller that any refusal keeps below."""

A_PICTURE = 100 * 1024
"""Bytes that each photo of these tests has at least when it is released."""

Life = Literal["kept", "deleted", "undeleted", "opted in again", "purged"]
Found = tuple[tuple[str, str], ...]


@pytest.fixture
async def wire(served: Served) -> AsyncIterator[Wire]:
    """The only way to the server for those who ask for releases in these tests."""
    host, _, port = served.address.partition(":")
    async with wire_to((host, int(port))) as wire:
        yield wire


@dataclass(frozen=True)
class Counted:
    """A backend whose bytes are counted."""

    wire: Wire
    studio: Studio

    async def gets(self, request: rpc.ReleaseReferencesRequest) -> int:
        """Have a whole release, and return how many images it had: the wire carried them."""
        before = self.wire.answered
        images = (await whole(self.studio.messages(request))).images
        assert min(map(len, images)) > A_PICTURE
        assert self.wire.answered - before > sum(map(len, images))
        return len(images)

    async def is_refused(self, request: rpc.ReleaseReferencesRequest) -> tuple[tuple[str, str], Found]:
        """Be refused without a picture; return the status with its reason, and what was said of each reference."""
        before = self.wire.answered
        told = await refused(self.studio.messages(request))
        assert self.wire.answered - before < NO_PICTURE
        return said(told), told.references

    async def validates(self, request: rpc.ReleaseReferencesRequest) -> tuple[list[str], Found]:
        """Only ask; return what would pass, and what was said of what would not."""
        asking = rpc.ReleaseReferencesRequest()
        asking.CopyFrom(request)
        asking.validate_only = True
        before = self.wire.answered
        (message,) = [each async for each in self.studio.messages(asking)]
        assert self.wire.answered - before < NO_PICTURE
        validation = message.validation
        return list(validation.me_image_ids), tuple((each.subject, each.reason) for each in validation.refusals)


@pytest.fixture
async def counted(wire: Wire, issuer: Issuer) -> AsyncIterator[Counted]:
    async with grpc.aio.insecure_channel(wire.endpoint) as channel:
        await channel.channel_ready()
        stub = ReferenceServiceStub(channel)
        await refused(stub.ListGenerators(rpc.ListGeneratorsRequest()))  # the connection's own first words are spoken
        yield Counted(wire, Studio(issuer.service(*SCOPES, name="wardrobe"), stub))


async def released(who: Person) -> int:
    """Return how many releases the ledger has."""
    return [each.kind for each in await rules.entries(who)].count(ledger_pb2.LEDGER_KIND_REFERENCES_RELEASED)


@dataclass(frozen=True)
class Pool:
    """Somebody's one me-image in a state, which holds FACE_REF as long as it can, and a good one, of another kind."""

    who: Person
    one: str
    good: str

    def asking(self, **selected: object) -> rpc.ReleaseReferencesRequest:
        """Ask for references."""
        return rpc.ReleaseReferencesRequest(user_id=self.who.user_id, **selected)  # type: ignore[arg-type]


async def pool_of(who: Person, served: Served, life: Life, opted: bool, paused: bool) -> Pool:
    """Bring a pool into a state."""
    new = pb.NewMeImage(kind=pb.KIND_FACE, usage=pb.Usage(ai_reference=opted), claim_slots=[pb.SLOT_FACE_REF])
    one = (await who.upload(pictures.noise_jpeg(300, 260), new)).me_image.me_image_id
    good = (await who.upload(pictures.noise_jpeg(260, 300), opted_in(pb.KIND_HANDS))).me_image.me_image_id
    if life != "kept":
        await rules.delete(who, one)
    if life == "purged":
        await swept(served, PURGED)
    if life in {"undeleted", "opted in again"}:
        await rules.undelete(who, one)
    if life == "opted in again":
        await rules.opt(who, one, enabled=True)
    if paused:
        await rules.switch(who, enabled=False)
    return Pool(who, one, good)


def why_not(life: Life, opted: bool, paused: bool) -> str | None:
    """Return the reason for which a me-image in this state must not leave."""
    match life:
        case "purged":
            return "ME_IMAGE_NOT_FOUND"
        case "deleted":
            return "ME_IMAGE_DELETED"
        case "kept" | "undeleted" if life == "undeleted" or not opted:
            return "CONSENT_NOT_GIVEN"
        case _:
            return "AI_REFERENCES_PAUSED" if paused else None


STATUS = {"ME_IMAGE_NOT_FOUND": "NOT_FOUND", "SLOT_EMPTY": "NOT_FOUND"}


def status_of(reason: str) -> tuple[str, str]:
    return STATUS.get(reason, "FAILED_PRECONDITION"), reason


@pytest.mark.parametrize("paused", [False, True], ids=["", "paused"])
@pytest.mark.parametrize("opted", [True, False], ids=["opted in", "not opted in"])
@pytest.mark.parametrize("life", get_args(Life))
async def test_bytes_come_only_where_all_holds(
    alice: Person, served: Served, counted: Counted, life: Life, opted: bool, paused: bool
) -> None:
    pool = await pool_of(alice, served, life, opted, paused)
    why = why_not(life, opted, paused)
    # A deleted me-image has left its slot and does not take it again.
    one, slot = (pool.one, pool.one, why), (pool.one, "FACE_REF", why if life == "kept" else "SLOT_EMPTY")
    good = (pool.good, pool.good, "AI_REFERENCES_PAUSED" if paused else None)
    entered = 0
    for request, named in (
        (pool.asking(me_image_ids=[pool.one]), [one]),
        (pool.asking(slots=[pb.SLOT_FACE_REF]), [slot]),
        (pool.asking(me_image_ids=[pool.good, pool.one]), [good, one]),
        (pool.asking(me_image_ids=[pool.good], slots=[pb.SLOT_FACE_REF]), [good, slot]),
    ):
        passing = [me_image_id for me_image_id, _, why in named if why is None]
        refusals = tuple((subject, why) for _, subject, why in named if why is not None)
        assert await counted.validates(request) == (passing, refusals)
        assert await released(alice) == entered
        if refusals:
            assert await counted.is_refused(request) == (status_of(refusals[0][1]), refusals)
        else:
            assert await counted.gets(request) == len(named)
            entered += 1
        assert await released(alice) == entered


@pytest.mark.parametrize("paused", [False, True], ids=["", "paused"])
@pytest.mark.parametrize("opted", [True, False], ids=["opted in", "not opted in"])
@pytest.mark.parametrize("life", get_args(Life))
async def test_by_kind_bytes_come_only_of_what_all_holds_for(
    alice: Person, served: Served, counted: Counted, life: Life, opted: bool, paused: bool
) -> None:
    pool = await pool_of(alice, served, life, opted, paused)
    offered = why_not(life, opted, paused=False) is None
    good_alone = pool.asking(by_kind=rpc.KindSelection(kinds=[pb.KIND_HANDS]))
    faces = pool.asking(by_kind=rpc.KindSelection(kinds=[pb.KIND_FACE]))
    everything = pool.asking(by_kind=rpc.KindSelection())
    one = [pool.one] if offered else []
    # The holder of FACE_REF comes first; whoever has lost it, as the older one, last.
    in_order = [*one, pool.good] if life == "kept" else [pool.good, *one]
    entered = 0
    for request, images in ((good_alone, [pool.good]), (faces, one), (everything, in_order)):
        reason = "AI_REFERENCES_PAUSED" if paused else "CONSENT_NOT_GIVEN"
        refusals = tuple((each, reason) for each in images or [""]) if paused or not images else ()
        assert await counted.validates(request) == ([] if refusals else images, refusals)
        if refusals:
            assert await counted.is_refused(request) == (status_of(reason), refusals)
        else:
            assert await counted.gets(request) == len(images)
            entered += 1
        assert await released(alice) == entered


@pytest.mark.parametrize("whose", ["foreign", "unknown", "foreign among good", "unknown among good"])
async def test_what_is_anothers_and_what_is_not_there_look_the_same(
    alice: Person, bob: Person, served: Served, counted: Counted, whose: str
) -> None:
    of_bob = await pool_of(bob, served, "kept", opted=True, paused=False)
    mine = await pool_of(alice, served, "kept", opted=True, paused=False)
    named = of_bob.one if "foreign" in whose else str(uuid.uuid4())
    among = [mine.good] if "good" in whose else []
    request = mine.asking(me_image_ids=[*among, named])
    refusals = ((named, "ME_IMAGE_NOT_FOUND"),)
    assert await counted.validates(request) == (among, refusals)
    assert await counted.is_refused(request) == (("NOT_FOUND", "ME_IMAGE_NOT_FOUND"), refusals)
    assert await released(alice) == await released(bob) == 0
    assert await counted.gets(of_bob.asking(me_image_ids=[of_bob.one])) == 1


async def test_of_who_is_unknown_there_is_nothing(alice: Person, counted: Counted) -> None:
    named = str(uuid.uuid4())
    for selected, refusal in (
        ({"me_image_ids": [named]}, (named, "ME_IMAGE_NOT_FOUND")),
        ({"slots": [pb.SLOT_AVATAR]}, ("AVATAR", "SLOT_EMPTY")),
        ({"by_kind": rpc.KindSelection()}, ("", "CONSENT_NOT_GIVEN")),
    ):
        request = rpc.ReleaseReferencesRequest(user_id=alice.user_id, **selected)
        assert await counted.validates(request) == ([], (refusal,))
        assert await counted.is_refused(request) == (status_of(refusal[1]), (refusal,))


async def test_every_bad_one_is_told_as_far_as_there_is_room(alice: Person, counted: Counted) -> None:
    one = (await alice.upload(pictures.png(), face())).me_image.me_image_id
    named = [one, *(str(uuid.uuid4()) for _ in range(99))]
    request = rpc.ReleaseReferencesRequest(user_id=alice.user_id, me_image_ids=named)
    expected = tuple((each, "CONSENT_NOT_GIVEN" if each == one else "ME_IMAGE_NOT_FOUND") for each in named)
    status, told = await counted.is_refused(request)
    assert (status, told) == (("FAILED_PRECONDITION", "CONSENT_NOT_GIVEN"), expected[:20])


@pytest.mark.parametrize("caller", ["a user", "another user", "nobody", "without the scope", "not on behalf"])
@pytest.mark.parametrize("validate_only", [False, True], ids=["", "validate only"])
async def test_without_its_scope_nobody_gets_anything(
    alice: Person, bob: Person, served: Served, counted: Counted, issuer: Issuer, caller: str, validate_only: bool
) -> None:
    mine = await pool_of(alice, served, "kept", opted=True, paused=False)
    token = {
        "a user": alice.token,
        "another user": bob.token,
        "nobody": "",
        "without the scope": issuer.service("me_images.read", "me_images.write", "me_images.on_behalf"),
        "not on behalf": issuer.service("me_images.release"),
    }[caller]
    intruder = Counted(counted.wire, Studio(token, counted.studio.stub))
    why = "UNAUTHENTICATED" if caller == "nobody" else "PERMISSION_DENIED"
    selections: list[dict[str, object]] = [
        {"me_image_ids": [mine.one]},
        {"slots": [pb.SLOT_FACE_REF]},
        {"by_kind": rpc.KindSelection()},
    ]
    for selected in selections:
        request = mine.asking(**selected, validate_only=validate_only)
        assert await intruder.is_refused(request) == ((why, why), ())
    assert await released(alice) == 0
    assert await counted.gets(mine.asking(me_image_ids=[mine.one])) == 1
