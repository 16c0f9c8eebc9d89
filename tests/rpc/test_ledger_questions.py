"""The ledger answers a person's questions: who used my face, when, for what, and what had used this photo."""

import pytest
from meimage.v1 import ledger_pb2
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as me_images
from meimage.v1 import reference_service_pb2 as rpc

from tests import pictures, rules
from tests.conftest import Served
from tests.people import Person, refused
from tests.releases import opted_in, studio, whole
from tests.tokens import Issuer

RELEASED = ledger_pb2.LEDGER_KIND_REFERENCES_RELEASED
FLUX, IMAGE_2 = "black-forest-labs/flux-2-pro", "openai/gpt-image-2"
USES = (
    ("wardrobe", IMAGE_2, "outfit try-on", (0,)),
    ("wardrobe", FLUX, "portrait", (0, 1)),
    ("glasses", IMAGE_2, "glasses", (1,)),
)
"""Caller, generator, purpose and which photos, in the order in which they happen."""


@pytest.fixture
async def photos(alice: Person) -> list[pb.MeImage]:
    return [(await alice.upload(pictures.jpeg(30 + n, 20), opted_in())).me_image for n in range(2)]


@pytest.fixture
async def uses(served: Served, issuer: Issuer, alice: Person, photos: list[pb.MeImage]) -> list[str]:
    """Release ids of the uses, with a withdrawal of the second photo at the end."""
    ids = []
    for caller, generator, purpose, which in USES:
        request = rpc.ReleaseReferencesRequest(
            user_id=alice.user_id,
            me_image_ids=[photos[n].me_image_id for n in which],
            generator=generator,
            purpose=purpose,
        )
        ids.append((await whole(studio(served, issuer, name=caller).messages(request))).release.release_id)
    await rules.opt(alice, photos[1].me_image_id, enabled=False)
    return ids


async def asked(who: Person, **question: object) -> list[ledger_pb2.LedgerEntry]:
    request = me_images.ListLedgerEntriesRequest(user_id=who.user_id, **question)  # type: ignore[arg-type]
    return list((await who.stub.ListLedgerEntries(request, metadata=who.metadata)).entries)


async def releases(who: Person, **question: object) -> list[str]:
    return [entry.release.release_id for entry in await asked(who, kinds=[RELEASED], **question)]


async def test_who_used_my_face_when_and_for_what(alice: Person, uses: list[str]) -> None:
    entries = await asked(alice, kinds=[RELEASED])
    assert [entry.release.release_id for entry in entries] == uses[::-1]
    told = [(entry.caller, entry.release.generator, entry.release.purpose) for entry in entries[::-1]]
    assert told == [(f"service:{caller}", generator, purpose) for caller, generator, purpose, _ in USES]
    assert all(entry.HasField("time") for entry in entries)


async def test_by_generator(alice: Person, uses: list[str]) -> None:
    assert await releases(alice, generator=IMAGE_2) == [uses[2], uses[0]]
    assert await releases(alice, generator=FLUX) == [uses[1]]
    assert await releases(alice, generator="openai/dall-e-2") == []


async def test_by_caller(alice: Person, uses: list[str]) -> None:
    assert await releases(alice, caller="service:wardrobe") == [uses[1], uses[0]]
    assert await releases(alice, caller=f"user:{alice.user_id}") == []
    own = await asked(alice, caller=f"user:{alice.user_id}")
    assert [ledger_pb2.LedgerKind.Name(entry.kind) for entry in own] == [
        "LEDGER_KIND_CONSENT_WITHDRAWN",
        "LEDGER_KIND_CONSENT_GIVEN",
        "LEDGER_KIND_CONSENT_GIVEN",
    ]


async def test_which_releases_had_used_a_withdrawn_photo(
    alice: Person, photos: list[pb.MeImage], uses: list[str]
) -> None:
    assert await releases(alice, me_image_id=photos[1].me_image_id) == [uses[2], uses[1]]
    await rules.delete(alice, photos[1].me_image_id)
    assert await releases(alice, me_image_id=photos[1].me_image_id) == [uses[2], uses[1]]
    story = [entry.kind for entry in await asked(alice, me_image_id=photos[1].me_image_id)]
    assert story == [ledger_pb2.LEDGER_KIND_CONSENT_WITHDRAWN, RELEASED, RELEASED, ledger_pb2.LEDGER_KIND_CONSENT_GIVEN]


async def test_questions_together_narrow_the_answer(alice: Person, photos: list[pb.MeImage], uses: list[str]) -> None:
    both = {"generator": IMAGE_2, "me_image_id": photos[0].me_image_id}
    assert await releases(alice, **both) == [uses[0]]
    assert await releases(alice, caller="service:glasses", **both) == []


async def test_a_page_token_is_good_for_its_own_question_alone(alice: Person, uses: list[str]) -> None:
    def page(token: str = "", **question: object) -> me_images.ListLedgerEntriesRequest:
        fields = {"kinds": [RELEASED], "page_size": 1, "page_token": token} | question
        return me_images.ListLedgerEntriesRequest(user_id=alice.user_id, **fields)  # type: ignore[arg-type]

    first = await alice.stub.ListLedgerEntries(page(), metadata=alice.metadata)
    second = await alice.stub.ListLedgerEntries(page(first.next_page_token), metadata=alice.metadata)
    assert [entry.release.release_id for entry in (*first.entries, *second.entries)] == [uses[2], uses[1]]
    others: list[dict[str, object]] = [{"generator": FLUX}, {"caller": "service:wardrobe"}, {"kinds": []}]
    for other in others:
        request = page(first.next_page_token, **other)
        answer = await refused(alice.stub.ListLedgerEntries(request, metadata=alice.metadata))
        assert answer.reason == "INVALID_PAGE_TOKEN"


async def test_nobody_elses_questions_are_answered(bob: Person, photos: list[pb.MeImage], uses: list[str]) -> None:
    assert len(uses) == len(USES)
    assert await releases(bob) == []
    assert await releases(bob, me_image_id=photos[0].me_image_id) == []
