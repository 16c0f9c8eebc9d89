"""What a person decides about the pool, each a call through a real channel."""

from google.protobuf.field_mask_pb2 import FieldMask
from meimage.v1 import event_pb2, ledger_pb2
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests.people import Person


async def update(
    who: Person,
    me_image_id: str,
    changes: rpc.MeImageChanges,
    *paths: str,
    etag: str | None = None,
    request_id: str = "",
) -> pb.MeImage:
    """Change what the paths name."""
    request = rpc.UpdateMeImageRequest(
        user_id=who.user_id,
        me_image_id=me_image_id,
        changes=changes,
        update_mask=FieldMask(paths=paths),
        etag=etag,
        request_id=request_id,
    )
    return (await who.stub.UpdateMeImage(request, metadata=who.metadata)).me_image


async def relabel(who: Person, me_image_id: str, label: str) -> pb.MeImage:
    """Change the label."""
    return await update(who, me_image_id, rpc.MeImageChanges(label=label), "label")


async def opt(
    who: Person, me_image_id: str, enabled: bool | None, *, etag: str | None = None, request_id: str = ""
) -> pb.MeImage:
    """Opt in or out; with None, say neither."""
    request = rpc.SetAiReferenceEnabledRequest(
        user_id=who.user_id, me_image_id=me_image_id, enabled=enabled, etag=etag, request_id=request_id
    )
    return (await who.stub.SetAiReferenceEnabled(request, metadata=who.metadata)).me_image


async def claim(
    who: Person, me_image_id: str, slot: pb.Slot.ValueType, *, etag: str | None = None, request_id: str = ""
) -> rpc.SetPrimaryResponse:
    """Make a me-image the holder of a slot."""
    request = rpc.SetPrimaryRequest(
        user_id=who.user_id, me_image_id=me_image_id, slot=slot, etag=etag, request_id=request_id
    )
    return await who.stub.SetPrimary(request, metadata=who.metadata)


async def clear(who: Person, slot: pb.Slot.ValueType, *, request_id: str = "") -> str:
    """Empty a slot; return who held it."""
    request = rpc.ClearPrimaryRequest(user_id=who.user_id, slot=slot, request_id=request_id)
    return (await who.stub.ClearPrimary(request, metadata=who.metadata)).previous_me_image_id


async def primary(who: Person, slot: pb.Slot.ValueType) -> rpc.GetPrimaryMeImageResponse:
    """Ask who stands for a slot."""
    request = rpc.GetPrimaryMeImageRequest(user_id=who.user_id, slot=slot)
    return await who.stub.GetPrimaryMeImage(request, metadata=who.metadata)


async def delete(who: Person, me_image_id: str, *, etag: str | None = None, request_id: str = "") -> pb.MeImage:
    """Delete a me-image."""
    request = rpc.DeleteMeImageRequest(user_id=who.user_id, me_image_id=me_image_id, etag=etag, request_id=request_id)
    return (await who.stub.DeleteMeImage(request, metadata=who.metadata)).me_image


async def undelete(who: Person, me_image_id: str, *, etag: str | None = None, request_id: str = "") -> pb.MeImage:
    """Bring a me-image back."""
    request = rpc.UndeleteMeImageRequest(user_id=who.user_id, me_image_id=me_image_id, etag=etag, request_id=request_id)
    return (await who.stub.UndeleteMeImage(request, metadata=who.metadata)).me_image


async def settings(who: Person) -> pb.AiSettings:
    """Ask for the switch over all opt-ins."""
    request = rpc.GetAiSettingsRequest(user_id=who.user_id)
    return (await who.stub.GetAiSettings(request, metadata=who.metadata)).ai_settings


async def switch(who: Person, enabled: bool | None, *, request_id: str = "") -> pb.AiSettings:
    """Switch all AI use on or off; with None, say neither."""
    request = rpc.UpdateAiSettingsRequest(user_id=who.user_id, references_enabled=enabled, request_id=request_id)
    return (await who.stub.UpdateAiSettings(request, metadata=who.metadata)).ai_settings


async def entries(who: Person, page_size: int = 200) -> list[ledger_pb2.LedgerEntry]:
    """Read the whole ledger, oldest first."""
    found: list[ledger_pb2.LedgerEntry] = []
    token = ""
    while True:
        request = rpc.ListLedgerEntriesRequest(user_id=who.user_id, page_size=page_size, page_token=token)
        page = await who.stub.ListLedgerEntries(request, metadata=who.metadata)
        found += page.entries
        token = page.next_page_token
        if not token:
            return found[::-1]


async def kinds(who: Person) -> list[str]:
    """Return what the ledger tells, oldest first, without the common prefix."""
    return [ledger_pb2.LedgerKind.Name(entry.kind).removeprefix("LEDGER_KIND_") for entry in await entries(who)]


async def event_page(who: Person, token: str = "", page_size: int = 0) -> rpc.ListMeImageEventsResponse:
    """Read a page of events."""
    request = rpc.ListMeImageEventsRequest(user_id=who.user_id, resume_token=token, page_size=page_size)
    return await who.stub.ListMeImageEvents(request, metadata=who.metadata)


async def events(who: Person, token: str = "", page_size: int = 200) -> list[event_pb2.MeImageEvent]:
    """Read all events after a token."""
    found: list[event_pb2.MeImageEvent] = []
    while True:
        page = await event_page(who, token, page_size)
        found += page.events
        token = page.resume_token
        if not page.events:
            return found


def facts(told: list[event_pb2.MeImageEvent]) -> list[str]:
    """Return what happened, by the names of the contract."""
    return [event.WhichOneof("fact") or "nothing" for event in told]
