"""The doormen of what a person decides: changes, consent, primary slots, deletion."""

from typing import Protocol

from meimage.v1 import me_image_pb2
from meimage.v1 import me_image_service_pb2 as pb

from service.domain import limits
from service.domain.model import Etag, MeImageId, RequestId, Slot, UserId
from service.rpc.calls import current_caller
from service.rpc.convert import ai_settings_message, me_image_message
from service.rpc.enums import KINDS, RULE_NUMBERS, SLOTS
from service.rpc.fields import Fields
from service.usecases.consent import Switch, get_ai_settings, set_ai_reference, update_ai_settings
from service.usecases.deletion import delete_me_image, undelete_me_image
from service.usecases.mutation import Target
from service.usecases.primary import clear_primary, get_primary, set_primary
from service.usecases.update import Changes, update_me_image
from service.usecases.world import World

UPDATE_PATHS = ("kind", "label", "tags", "usage.show_in_profile")


class _Targeted(Protocol):
    """What every request names that changes one me-image."""

    user_id: str
    me_image_id: str
    etag: str
    request_id: str


class PoolRules:
    """Part of MeImageService."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def UpdateMeImage(self, request: pb.UpdateMeImageRequest, context: object) -> pb.UpdateMeImageResponse:
        fields = Fields()
        target, changes = _target(fields, request), _changes(fields, request)
        fields.check()
        me_image = await update_me_image(self._world, target, changes)
        return pb.UpdateMeImageResponse(me_image=me_image_message(me_image))

    async def SetAiReferenceEnabled(
        self, request: pb.SetAiReferenceEnabledRequest, context: object
    ) -> pb.SetAiReferenceEnabledResponse:
        fields = Fields()
        target = _target(fields, request)
        fields.required("enabled", is_there=request.HasField("enabled"))
        fields.check()
        me_image = await set_ai_reference(self._world, target, enabled=request.enabled)
        return pb.SetAiReferenceEnabledResponse(me_image=me_image_message(me_image))

    async def SetPrimary(self, request: pb.SetPrimaryRequest, context: object) -> pb.SetPrimaryResponse:
        fields = Fields()
        target, slot = _target(fields, request), fields.choice("slot", SLOTS, request.slot, Slot.AVATAR)
        fields.check()
        swapped = await set_primary(self._world, target, slot)
        previous = str(swapped.previous or "")
        return pb.SetPrimaryResponse(me_image=me_image_message(swapped.me_image), previous_me_image_id=previous)

    async def ClearPrimary(self, request: pb.ClearPrimaryRequest, context: object) -> pb.ClearPrimaryResponse:
        fields = Fields()
        slot, request_id = _slot_and_request_id(fields, request)
        fields.check()
        cleared = await clear_primary(self._world, current_caller(), UserId(request.user_id), slot, request_id)
        return pb.ClearPrimaryResponse(previous_me_image_id=str(cleared.previous or ""))

    async def GetPrimaryMeImage(
        self, request: pb.GetPrimaryMeImageRequest, context: object
    ) -> pb.GetPrimaryMeImageResponse:
        fields = Fields()
        slot = fields.choice("slot", SLOTS, request.slot, Slot.AVATAR)
        fields.check()
        me_image, rule = await get_primary(self._world, UserId(request.user_id), slot)
        return pb.GetPrimaryMeImageResponse(me_image=me_image_message(me_image), rule=RULE_NUMBERS[rule])

    async def DeleteMeImage(self, request: pb.DeleteMeImageRequest, context: object) -> pb.DeleteMeImageResponse:
        fields = Fields()
        target = _target(fields, request)
        fields.check()
        me_image = await delete_me_image(self._world, target)
        return pb.DeleteMeImageResponse(me_image=me_image_message(me_image))

    async def UndeleteMeImage(self, request: pb.UndeleteMeImageRequest, context: object) -> pb.UndeleteMeImageResponse:
        fields = Fields()
        target = _target(fields, request)
        fields.check()
        me_image = await undelete_me_image(self._world, target)
        return pb.UndeleteMeImageResponse(me_image=me_image_message(me_image))

    async def GetAiSettings(self, request: pb.GetAiSettingsRequest, context: object) -> pb.GetAiSettingsResponse:
        settings = await get_ai_settings(self._world, UserId(request.user_id))
        return pb.GetAiSettingsResponse(ai_settings=ai_settings_message(settings))

    async def UpdateAiSettings(
        self, request: pb.UpdateAiSettingsRequest, context: object
    ) -> pb.UpdateAiSettingsResponse:
        fields = Fields()
        request_id = fields.request_id(request.request_id)
        fields.required("references_enabled", is_there=request.HasField("references_enabled"))
        fields.check()
        switch = Switch(UserId(request.user_id), request.references_enabled, request_id)
        settings = await update_ai_settings(self._world, current_caller(), switch)
        return pb.UpdateAiSettingsResponse(ai_settings=ai_settings_message(settings))


def _target(fields: Fields, request: _Targeted) -> Target:
    return Target(
        caller=current_caller(),
        user_id=UserId(request.user_id),
        me_image_id=MeImageId(fields.uuid("me_image_id", request.me_image_id)),
        etag=Etag(request.etag) if request.etag else None,
        request_id=fields.request_id(request.request_id),
    )


def _slot_and_request_id(fields: Fields, request: pb.ClearPrimaryRequest) -> tuple[Slot, RequestId | None]:
    return fields.choice("slot", SLOTS, request.slot, Slot.AVATAR), fields.request_id(request.request_id)


def _changes(fields: Fields, request: pb.UpdateMeImageRequest) -> Changes:
    paths, new = set(request.update_mask.paths), request.changes
    fields.required("update_mask", is_there=bool(paths))
    for path in sorted(paths.difference(UPDATE_PATHS)):
        if path in {"usage", "usage.ai_reference"}:
            fields.bad("update_mask", "cannot change consent; call SetAiReferenceEnabled")
        else:
            fields.bad("update_mask", f"may name {', '.join(UPDATE_PATHS)}")
    return Changes(
        kind=fields.choice("changes.kind", KINDS, new.kind, KINDS[me_image_pb2.KIND_FACE]) if "kind" in paths else None,
        label=fields.text("changes.label", new.label, limits.MAX_LABEL_CHARACTERS) if "label" in paths else None,
        tags=fields.tags("changes.tags", new.tags) if "tags" in paths else None,
        show_in_profile=_shown(fields, new.usage) if "usage.show_in_profile" in paths else None,
    )


def _shown(fields: Fields, usage: me_image_pb2.Usage) -> bool:
    fields.required("changes.usage.show_in_profile", is_there=usage.HasField("show_in_profile"))
    return usage.show_in_profile
