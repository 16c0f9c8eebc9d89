"""The table of bad input, continued: what a generator's backend may ask for, ill said."""

from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from meimage.v1 import ledger_pb2
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import reference_service_pb2 as rpc

from tests.people import Person, bearer
from tests.releases import GENERATOR, Studio
from tests.rpc.bad_input import ILL_UUIDS, UNKNOWN_KIND, UUID
from tests.rpc.bad_rules import UNKNOWN_SLOT
from tests.rpc.bad_rules import said as said_by_person

Asked: TypeAlias = Callable[[Studio, Person, pb.MeImage], Awaitable[object] | AsyncIterable[object]]
FIELDS, TOKEN = "INVALID_FIELDS", "INVALID_PAGE_TOKEN"


def release(**fields: object) -> Asked:
    """Ask for the person's me-image, in a way that differs in these fields."""

    def call(studio: Studio, person: Person, owned: pb.MeImage) -> AsyncIterable[object]:
        good = {"me_image_ids": [owned.me_image_id], "generator": GENERATOR, "purpose": "portrait"}
        request = rpc.ReleaseReferencesRequest(user_id=person.user_id, **(good | fields))  # type: ignore[arg-type]
        return studio.stub.ReleaseReferences(request, metadata=bearer(studio.token))

    return call


def listed(**fields: object) -> Asked:
    """List the person's references."""

    def call(studio: Studio, person: Person, _: pb.MeImage) -> Awaitable[object]:
        request = rpc.ListReferencesRequest(user_id=person.user_id, **fields)  # type: ignore[arg-type]
        return studio.stub.ListReferences(request, metadata=bearer(studio.token))

    return call


def ledger(**fields: object) -> Asked:
    """List the person's ledger."""
    call = said_by_person("ListLedgerEntries", **fields)
    return lambda _, person, owned: call(person, owned)


@dataclass(frozen=True)
class BadReference:
    """One bad request about a person who owns a me-image that is not opted in."""

    call: Asked
    reason: str
    fields: tuple[str, ...] = ()
    code: str = "INVALID_ARGUMENT"


BY_KIND = rpc.KindSelection(kinds=[pb.KIND_FACE])
REFERENCES: dict[str, BadReference] = {
    "nothing selected": BadReference(release(me_image_ids=[]), FIELDS, ("by_kind",)),
    "ids and kinds": BadReference(release(by_kind=BY_KIND), FIELDS, ("by_kind",)),
    "slots and kinds": BadReference(
        release(me_image_ids=[], slots=[pb.SLOT_AVATAR], by_kind=BY_KIND), FIELDS, ("by_kind",)
    ),
    "101 ids": BadReference(release(me_image_ids=[UUID] * 101), FIELDS, ("me_image_ids",)),
    "slot unspecified": BadReference(release(slots=[pb.SLOT_AVATAR, pb.SLOT_UNSPECIFIED]), FIELDS, ("slots[1]",)),
    "slot unknown": BadReference(release(slots=[UNKNOWN_SLOT]), FIELDS, ("slots[0]",)),
    "kind unknown": BadReference(
        release(me_image_ids=[], by_kind=rpc.KindSelection(kinds=[UNKNOWN_KIND])),
        FIELDS,
        ("by_kind.kinds[0]",),
    ),
    "max_images -1": BadReference(
        release(me_image_ids=[], by_kind=rpc.KindSelection(max_images=-1)),
        FIELDS,
        ("by_kind.max_images",),
    ),
    "no generator": BadReference(release(generator=""), FIELDS, ("generator",)),
    "unknown generator": BadReference(release(generator="openai/gpt"), "UNKNOWN_GENERATOR"),
    "no purpose": BadReference(release(purpose=""), FIELDS, ("purpose",)),
    "purpose of 201": BadReference(release(purpose="ä" * 201), FIELDS, ("purpose",)),
    "purpose of two lines": BadReference(release(purpose="a\nb"), FIELDS, ("purpose",)),
    "request_id": BadReference(release(request_id="7"), FIELDS, ("request_id",)),
    "unknown me-image": BadReference(release(me_image_ids=[UUID]), "ME_IMAGE_NOT_FOUND", code="NOT_FOUND"),
    "an empty slot": BadReference(release(me_image_ids=[], slots=[pb.SLOT_BODY_REF]), "SLOT_EMPTY", code="NOT_FOUND"),
    "not opted in": BadReference(release(), "CONSENT_NOT_GIVEN", code="FAILED_PRECONDITION"),
    "several": BadReference(
        release(me_image_ids=["7"], generator="", purpose="", request_id="x"),
        FIELDS,
        ("me_image_ids[0]", "purpose", "request_id", "generator"),
    ),
    "references, page_size -1": BadReference(listed(page_size=-1), FIELDS, ("page_size",)),
    "references, page_size 201": BadReference(listed(page_size=201), FIELDS, ("page_size",)),
    "references, kind unspecified": BadReference(listed(kinds=[pb.KIND_UNSPECIFIED]), FIELDS, ("kinds[0]",)),
    "references, page token": BadReference(listed(page_token="of nobody"), TOKEN),  # noqa: S106 # no password
    "references, page token of zeros": BadReference(listed(page_token="A" * 60), TOKEN),
    "ledger kind unspecified": BadReference(ledger(kinds=[ledger_pb2.LEDGER_KIND_UNSPECIFIED]), FIELDS, ("kinds[0]",)),
    "ledger kind unknown": BadReference(ledger(kinds=[ledger_pb2.LedgerKind.ValueType(99)]), FIELDS, ("kinds[0]",)),
    "ledger generator of 101": BadReference(ledger(generator="x" * 101), FIELDS, ("generator",)),
    "ledger caller of 301": BadReference(ledger(caller="x" * 301), FIELDS, ("caller",)),
} | {
    f"me_image_ids {ill!r}": BadReference(release(me_image_ids=[UUID, ill]), FIELDS, ("me_image_ids[1]",))
    for ill in ILL_UUIDS
}
