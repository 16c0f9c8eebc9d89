"""The doormen of what happened: the ledger, pages of events, and the watch."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from meimage.v1 import event_pb2, ledger_pb2
from meimage.v1 import me_image_service_pb2 as pb

from service.domain import events, limits
from service.domain.ledger import LedgerEntry, LedgerKind
from service.domain.model import MeImageId, UserId
from service.ports.records import LedgerFilter
from service.rpc.bounds import Places
from service.rpc.calls import current_caller
from service.rpc.convert import timestamp
from service.rpc.enums import KIND_NUMBERS, LEDGER_KINDS, LEDGER_NUMBERS, SLOT_NUMBERS
from service.rpc.fields import Fields
from service.rpc.releases import record_message
from service.usecases.events import list_events, watch_events
from service.usecases.ledger import LedgerQuery, list_ledger
from service.usecases.world import World


class Happenings:
    """Part of MeImageService."""

    def __init__(self, world: World, watchers: Places) -> None:
        self._world = world
        self._watchers = watchers

    async def ListLedgerEntries(
        self, request: pb.ListLedgerEntriesRequest, context: object
    ) -> pb.ListLedgerEntriesResponse:
        fields = Fields()
        query = LedgerQuery(
            user_id=UserId(request.user_id),
            which=_ledger_filter(fields, request),
            page_size=fields.page_size(request.page_size),
            page_token=request.page_token,
        )
        fields.check()
        page = await list_ledger(self._world, query)
        entries = [_entry_message(entry) for entry in page.entries]
        return pb.ListLedgerEntriesResponse(entries=entries, next_page_token=page.next_page_token)

    async def ListMeImageEvents(
        self, request: pb.ListMeImageEventsRequest, context: object
    ) -> pb.ListMeImageEventsResponse:
        size = _page_size(request.page_size)
        page = await list_events(self._world, _whose(request.user_id), request.resume_token, size)
        messages = [_event_message(event) for event in page.events]
        return pb.ListMeImageEventsResponse(events=messages, resume_token=page.resume_token)

    async def WatchMeImages(
        self, request: pb.WatchMeImagesRequest, context: object
    ) -> AsyncIterator[pb.WatchMeImagesResponse]:
        watching = watch_events(self._world, _whose(request.user_id), request.resume_token)
        async with self._watchers.place(str(current_caller())), aclosing(watching) as watch:
            async for told in watch:
                if told.event is None:
                    yield pb.WatchMeImagesResponse(checkpoint=pb.WatchCheckpoint(), resume_token=told.resume_token)
                else:
                    yield pb.WatchMeImagesResponse(event=_event_message(told.event), resume_token=told.resume_token)


def _page_size(asked: int) -> int:
    fields = Fields()
    size = fields.page_size(asked)
    fields.check()
    return size


def _whose(user_id: str) -> UserId | None:
    return UserId(user_id) if user_id else None


def _ledger_filter(fields: Fields, request: pb.ListLedgerEntriesRequest) -> LedgerFilter:
    kinds = {
        fields.choice(f"kinds[{i}]", LEDGER_KINDS, number, LedgerKind.CONSENT_GIVEN)
        for i, number in enumerate(request.kinds)
    }
    me_image_id = MeImageId(fields.uuid("me_image_id", request.me_image_id)) if request.me_image_id else None
    generator = fields.text("generator", request.generator, limits.MAX_GENERATOR_CHARACTERS)
    caller = fields.text("caller", request.caller, limits.MAX_CALLER_CHARACTERS)
    return LedgerFilter(tuple(sorted(kinds)), me_image_id, generator or None, caller or None)


def _entry_message(entry: LedgerEntry) -> ledger_pb2.LedgerEntry:
    return ledger_pb2.LedgerEntry(
        user_id=entry.user_id,
        sequence=entry.sequence,
        kind=LEDGER_NUMBERS[entry.kind],
        time=timestamp(entry.at),
        caller=entry.caller,
        me_image_id=str(entry.me_image_id or ""),
        previous_hash=entry.previous_hash.hex(),
        hash=entry.hash.hex(),
        release=record_message(entry.release) if entry.release else None,
    )


def _event_message(event: events.Event) -> event_pb2.MeImageEvent:
    message = event_pb2.MeImageEvent(
        event_id=str(event.event_id),
        user_id=event.user_id,
        revision=event.revision,
        time=timestamp(event.at),
        caller=event.caller,
        me_image_id=str(event.me_image_id or ""),
    )
    _write_fact(message, event.fact)
    return message


def _write_fact(message: event_pb2.MeImageEvent, fact: events.Fact) -> None:
    match fact:
        case events.MeImageAdded(kind, media_id):
            message.added.MergeFrom(event_pb2.MeImageAdded(kind=KIND_NUMBERS[kind], media_id=str(media_id)))
        case events.MeImageUpdated(changed_paths):
            message.updated.MergeFrom(event_pb2.MeImageUpdated(changed_paths=changed_paths))
        case events.MeImageAiReferenceToggled(enabled):
            message.ai_reference_toggled.MergeFrom(event_pb2.MeImageAiReferenceToggled(enabled=enabled))
        case events.MeImagePrimaryChanged(slot, previous, holder):
            changed = event_pb2.MeImagePrimaryChanged(
                slot=SLOT_NUMBERS[slot], previous_me_image_id=str(previous or ""), me_image_id=str(holder or "")
            )
            message.primary_changed.MergeFrom(changed)
        case events.MeImageDeleted(purge_at):
            message.deleted.MergeFrom(event_pb2.MeImageDeleted(purge_time=timestamp(purge_at)))
        case events.MeImageRestored():
            message.restored.SetInParent()
        case events.MeImagePurged():
            message.purged.SetInParent()
        case events.AiSettingsChanged(enabled):
            message.ai_settings_changed.MergeFrom(event_pb2.AiSettingsChanged(references_enabled=enabled))
        case events.UserErased():
            message.user_erased.SetInParent()
