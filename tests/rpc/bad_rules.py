"""The table of bad input, continued: what a person may decide, ill said."""

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import TypeAlias

from google.protobuf.field_mask_pb2 import FieldMask
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests.people import Person
from tests.rpc.bad_input import ILL_UUIDS, UNKNOWN_KIND, UUID, Bad

Said: TypeAlias = Callable[[Person, pb.MeImage], Awaitable[object] | AsyncIterable[object]]

FIELDS, TOKEN, RESUME = "INVALID_FIELDS", "INVALID_PAGE_TOKEN", "INVALID_RESUME_TOKEN"
UNKNOWN_SLOT = pb.Slot.ValueType(9)


def said(method: str, **fields: object) -> Said:
    """Call a method about the person's me-image, in a way that differs in these fields."""

    def call(person: Person, owned: pb.MeImage) -> Awaitable[object] | AsyncIterable[object]:
        request = getattr(rpc, f"{method}Request")(user_id=person.user_id)
        if "me_image_id" in request.DESCRIPTOR.fields_by_name:
            request.me_image_id = owned.me_image_id
        request.MergeFrom(type(request)(**fields))
        if fields.get("me_image_id") == "":
            request.me_image_id = ""
        answer: Awaitable[object] | AsyncIterable[object] = getattr(person.stub, method)(
            request, metadata=person.metadata
        )
        return answer

    return call


def update(paths: Iterable[str], **changes: object) -> Said:
    """Update the person's me-image."""
    values = rpc.MeImageChanges(**changes)  # type: ignore[arg-type] # each row names its fields
    return said("UpdateMeImage", changes=values, update_mask=FieldMask(paths=paths))


GOOD: dict[str, dict[str, object]] = {
    "UpdateMeImage": {"changes": rpc.MeImageChanges(label="x"), "update_mask": FieldMask(paths=["label"])},
    "SetAiReferenceEnabled": {"enabled": True},
    "SetPrimary": {"slot": pb.SLOT_BODY_REF},
    "DeleteMeImage": {},
    "UndeleteMeImage": {},
}
"""What makes a request about a me-image good."""

OTHERS: dict[str, dict[str, object]] = {
    "ClearPrimary": {"slot": pb.SLOT_AVATAR},
    "UpdateAiSettings": {"references_enabled": False},
}

RULES: dict[str, Bad] = {
    f"{method} me_image_id {ill!r}": Bad(said(method, **fields | {"me_image_id": ill}), FIELDS, ("me_image_id",))
    for method, fields in GOOD.items()
    for ill in ILL_UUIDS
}
RULES |= {
    f"{method} unknown": Bad(said(method, **fields | {"me_image_id": UUID}), "ME_IMAGE_NOT_FOUND", code="NOT_FOUND")
    for method, fields in GOOD.items()
}
RULES |= {
    f"{method} request_id": Bad(said(method, **fields | {"request_id": "7"}), FIELDS, ("request_id",))
    for method, fields in (GOOD | OTHERS).items()
}
RULES |= {
    f"{method} slot {slot}": Bad(said(method, slot=slot), FIELDS, ("slot",))
    for method in ("SetPrimary", "ClearPrimary", "GetPrimaryMeImage")
    for slot in (pb.SLOT_UNSPECIFIED, UNKNOWN_SLOT)
}
RULES |= {
    f"{method} page_size {size}": Bad(said(method, page_size=size), FIELDS, ("page_size",))
    for method in ("ListLedgerEntries", "ListMeImageEvents")
    for size in (-1, 201)
}
RULES |= {
    "update without mask": Bad(update([], label="x"), FIELDS, ("update_mask",)),
    "update of consent": Bad(update(["usage.ai_reference"]), FIELDS, ("update_mask",)),
    "update of usage": Bad(update(["usage"], usage=pb.Usage(show_in_profile=True)), FIELDS, ("update_mask",)),
    "update of nothing known": Bad(update(["label", "etag", "Label"]), FIELDS, ("update_mask", "update_mask")),
    "update of all": Bad(update(["*"]), FIELDS, ("update_mask",)),
    "update kind unspecified": Bad(update(["kind"]), FIELDS, ("changes.kind",)),
    "update kind unknown": Bad(update(["kind"], kind=UNKNOWN_KIND), FIELDS, ("changes.kind",)),
    "update label of 201": Bad(update(["label"], label="ä" * 201), FIELDS, ("changes.label",)),
    "update 33 tags": Bad(update(["tags"], tags=list(map(str, range(33)))), FIELDS, ("changes.tags",)),
    "update empty tag": Bad(update(["tags"], tags=["x", ""]), FIELDS, ("changes.tags[1]",)),
    "update shown without a value": Bad(update(["usage.show_in_profile"]), FIELDS, ("changes.usage.show_in_profile",)),
    "update, several": Bad(
        update(["kind", "label", "nothing"], label="x" * 201), FIELDS, ("update_mask", "changes.kind", "changes.label")
    ),
    "consent without a value": Bad(said("SetAiReferenceEnabled"), FIELDS, ("enabled",)),
    "switch without a value": Bad(said("UpdateAiSettings"), FIELDS, ("references_enabled",)),
    "nobody stands for it": Bad(said("GetPrimaryMeImage", slot=pb.SLOT_BODY_REF), "SLOT_EMPTY", code="NOT_FOUND"),
    "ledger page token": Bad(said("ListLedgerEntries", page_token="of nobody"), TOKEN),  # noqa: S106 # no password
    "ledger page token of zeros": Bad(said("ListLedgerEntries", page_token="A" * 28), TOKEN),
    "events resume token": Bad(said("ListMeImageEvents", resume_token="of nobody"), RESUME),  # noqa: S106
    "watch resume token": Bad(said("WatchMeImages", resume_token="of nobody"), RESUME),  # noqa: S106
    "watch resume token of zeros": Bad(said("WatchMeImages", resume_token="A" * 48), RESUME),
}
