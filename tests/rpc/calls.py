"""Every RPC as a function of who calls and what the call names, for tests that go through all of them."""

import uuid
from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass

from meimage.v1 import me_image_service_pb2 as rpc

from service.domain.callers import Scope
from service.rpc.methods import ME_IMAGE_SERVICE, SCOPES
from tests import pictures
from tests.people import Metadata, Person, Refusal, face, new_user_id, upload_messages

Call = Awaitable[object] | AsyncIterable[object]


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


def _get(who: Person, to: Target) -> Call:
    request = rpc.GetMeImageRequest(user_id=to.user_id, me_image_id=to.me_image_id)
    return who.stub.GetMeImage(request, metadata=who.metadata)


def _list(who: Person, to: Target) -> Call:
    return who.stub.ListMeImages(rpc.ListMeImagesRequest(user_id=to.user_id), metadata=who.metadata)


def _download(who: Person, to: Target) -> Call:
    request = rpc.DownloadMeImageRequest(user_id=to.user_id, me_image_id=to.me_image_id)
    return who.stub.DownloadMeImage(request, metadata=who.metadata)


METHODS: dict[str, Callable[[Person, Target], Call]] = {
    "UploadMeImage": _upload,
    "CreateMeImage": _create,
    "GetMeImage": _get,
    "ListMeImages": _list,
    "DownloadMeImage": _download,
}
WITH_ID = ("CreateMeImage", "GetMeImage", "DownloadMeImage")
