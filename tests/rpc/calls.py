"""Every RPC as a function of who calls and what the call names, for tests that go through all of them."""

import uuid
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from service.domain.callers import Scope
from service.rpc.methods import ME_IMAGE_SERVICE, SCOPES
from tests import pictures
from tests.people import Metadata, Person, Refusal, face, new_user_id, upload_messages

Call = Awaitable[object] | AsyncIterable[object]
Watching: TypeAlias = "grpc.aio.UnaryStreamCall[rpc.WatchMeImagesRequest, rpc.WatchMeImagesResponse]"


@dataclass(frozen=True)
class Target:
    """What a call names."""

    user_id: str
    me_image_id: str
    media_id: str

    @classmethod
    def absent(cls, user_id: str | None = None) -> "Target":
        """Return what nobody has."""
        return cls(user_id or new_user_id(), str(uuid.uuid4()), str(uuid.uuid4()))


@dataclass(frozen=True)
class Nobody(Person):
    """Somebody whose metadata is not what it should be."""

    pairs: Metadata = ()

    @property
    def metadata(self) -> Metadata:
        """Whatever the test sends."""
        return self.pairs


def needed(method: str) -> Scope:
    """Return the scope of a method."""
    return SCOPES[f"/{ME_IMAGE_SERVICE}/{method}"]


async def works(call: Call) -> bool:
    """Whether a call is answered; raises where it is refused."""
    if isinstance(call, Awaitable):
        return bool(await call)
    return bool([answer async for answer in call])


def said(answer: Refusal) -> tuple[str, str]:
    """Return the status and the reason."""
    return answer.code.name, answer.reason


def _upload(who: Person, to: Target) -> Call:
    header = rpc.UploadHeader(user_id=to.user_id, new_me_image=face())
    return who.send(upload_messages(header, pictures.png()))


def _create(who: Person, to: Target) -> Call:
    request = rpc.CreateMeImageRequest(user_id=to.user_id, media_id=to.media_id, new_me_image=face())
    return who.stub.CreateMeImage(request, metadata=who.metadata)


def _watch(who: Person, to: Target) -> Call:
    request = rpc.WatchMeImagesRequest(user_id=to.user_id)
    return _first(who.stub.WatchMeImages(request, metadata=who.metadata))


async def _first(call: Watching) -> AsyncIterator[object]:
    """Of a stream without end, the first answer is enough; nothing of it is left behind."""
    try:
        async for answer in call:
            yield answer
            return
    finally:
        call.cancel()


def _plain(name: str, **fields: object) -> Callable[[Person, Target], Call]:
    """Return a call that is one message with these fields beside the user."""

    def call(who: Person, to: Target) -> Call:
        request = getattr(rpc, f"{name}Request")(user_id=to.user_id, **fields)
        if "me_image_id" in request.DESCRIPTOR.fields_by_name:
            request.me_image_id = to.me_image_id
        answer: Call = getattr(who.stub, name)(request, metadata=who.metadata)
        return answer

    return call


METHODS: dict[str, Callable[[Person, Target], Call]] = {
    "UploadMeImage": _upload,
    "CreateMeImage": _create,
    "GetMeImage": _plain("GetMeImage"),
    "ListMeImages": _plain("ListMeImages"),
    "DownloadMeImage": _plain("DownloadMeImage"),
    "UpdateMeImage": _plain(
        "UpdateMeImage", changes=rpc.MeImageChanges(label="changed"), update_mask=FieldMask(paths=["label"])
    ),
    "SetAiReferenceEnabled": _plain("SetAiReferenceEnabled", enabled=True),
    "SetPrimary": _plain("SetPrimary", slot=pb.SLOT_AVATAR),
    "ClearPrimary": _plain("ClearPrimary", slot=pb.SLOT_AVATAR),
    "GetPrimaryMeImage": _plain("GetPrimaryMeImage", slot=pb.SLOT_AVATAR),
    "DeleteMeImage": _plain("DeleteMeImage"),
    "UndeleteMeImage": _plain("UndeleteMeImage"),
    "GetAiSettings": _plain("GetAiSettings"),
    "UpdateAiSettings": _plain("UpdateAiSettings", references_enabled=False),
    "ListLedgerEntries": _plain("ListLedgerEntries"),
    "ListMeImageEvents": _plain("ListMeImageEvents"),
    "WatchMeImages": _watch,
}
WITH_ID = (
    "CreateMeImage",
    "GetMeImage",
    "DownloadMeImage",
    "UpdateMeImage",
    "SetAiReferenceEnabled",
    "SetPrimary",
    "DeleteMeImage",
    "UndeleteMeImage",
)
