"""A person with a token and a channel: what a test needs to call the service."""

import hashlib
import uuid
from collections.abc import AsyncIterable, Awaitable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from google.rpc import error_details_pb2, status_pb2
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc
from meimage.v1.me_image_service_pb2_grpc import MeImageServiceStub

if TYPE_CHECKING:
    from meimage.v1.me_image_service_pb2_grpc import MeImageServiceAsyncStub

Metadata = tuple[tuple[str, str], ...]
CHUNK = 256 * 1024


@dataclass(frozen=True)
class Person:
    """One user of one test."""

    user_id: str
    token: str
    stub: "MeImageServiceAsyncStub"

    @property
    def metadata(self) -> Metadata:
        """What every call of this person carries."""
        return bearer(self.token)

    async def upload(
        self, photo: bytes, new: pb.NewMeImage | None = None, *, request_id: str = "", filename: str = "me.jpg"
    ) -> rpc.UploadMeImageResponse:
        """Upload a photo as SDKs do."""
        header = rpc.UploadHeader(
            user_id=self.user_id,
            filename=filename,
            sha256=hashlib.sha256(photo).hexdigest(),
            size_bytes=len(photo),
            request_id=request_id,
            new_me_image=new,
        )
        return await self.send(upload_messages(header, photo))

    async def send(self, messages: Iterable[rpc.UploadMeImageRequest]) -> rpc.UploadMeImageResponse:
        """Upload these messages, whatever they are."""
        return await self.stub.UploadMeImage(iter(messages), metadata=self.metadata)

    async def create(self, media_id: str, new: pb.NewMeImage, *, request_id: str = "") -> pb.MeImage:
        """Create a me-image of a media."""
        request = rpc.CreateMeImageRequest(
            user_id=self.user_id, media_id=media_id, new_me_image=new, request_id=request_id
        )
        return (await self.stub.CreateMeImage(request, metadata=self.metadata)).me_image

    async def get(self, me_image_id: str) -> pb.MeImage:
        """Get a me-image."""
        request = rpc.GetMeImageRequest(user_id=self.user_id, me_image_id=me_image_id)
        return (await self.stub.GetMeImage(request, metadata=self.metadata)).me_image

    async def page(self, request: rpc.ListMeImagesRequest | None = None) -> rpc.ListMeImagesResponse:
        """List me-images."""
        request = request or rpc.ListMeImagesRequest()
        request.user_id = self.user_id
        return await self.stub.ListMeImages(request, metadata=self.metadata)

    async def download(
        self, me_image_id: str, rendition: pb.Rendition.ValueType = pb.RENDITION_UNSPECIFIED
    ) -> tuple[rpc.DownloadHeader, bytes]:
        """Download the original or a rendition."""
        request = rpc.DownloadMeImageRequest(user_id=self.user_id, me_image_id=me_image_id, rendition=rendition)
        call = self.stub.DownloadMeImage(request, metadata=self.metadata)
        answers = [answer async for answer in call]
        return answers[0].header, b"".join(answer.chunk for answer in answers[1:])


def bearer(token: str) -> Metadata:
    """Return the metadata that carries a token."""
    return (("authorization", f"Bearer {token}"),)


def new_user_id() -> str:
    """Return a user that no other test has."""
    return f"user-{uuid.uuid4()}"


def person(channel: grpc.aio.Channel, token: str, user_id: str) -> Person:
    """Return a person who calls through a channel."""
    return Person(user_id, token, MeImageServiceStub(channel))


def upload_messages(header: rpc.UploadHeader, photo: bytes, chunk: int = CHUNK) -> list[rpc.UploadMeImageRequest]:
    """Return the messages of a proper upload."""
    parts = [photo[start : start + chunk] for start in range(0, len(photo), chunk)]
    return [rpc.UploadMeImageRequest(header=header), *(rpc.UploadMeImageRequest(chunk=part) for part in parts)]


def face(label: str = "", *tags: str, slots: Iterable[pb.Slot.ValueType] = ()) -> pb.NewMeImage:
    """Return a new me-image of a face."""
    return pb.NewMeImage(kind=pb.KIND_FACE, label=label, tags=tags, claim_slots=slots)


@dataclass(frozen=True)
class Refusal:
    """What a refused call said."""

    code: grpc.StatusCode
    reason: str
    fields: tuple[str, ...]
    message: str
    references: tuple[tuple[str, str], ...] = ()
    """Of a refused release: what is refused, and why."""

    retry_seconds: float = 0.0
    """When to try again, where the server has said so."""


def refusal(error: grpc.aio.AioRpcError) -> Refusal:
    """Read a refusal; fails where the error details are missing."""
    metadata = dict(error.trailing_metadata() or ())
    details = metadata["grpc-status-details-bin"]
    assert isinstance(details, bytes)
    status = status_pb2.Status.FromString(details)
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    failure = error_details_pb2.PreconditionFailure()
    assert status.details[0].Unpack(info)
    assert info.domain == "meimage"
    assert uuid.UUID(info.metadata["request_id"])
    retry = error_details_pb2.RetryInfo()
    if len(status.details) > 1:
        assert any(status.details[1].Unpack(more) for more in (bad_request, failure, retry))
    pause = retry.retry_delay.ToMilliseconds()
    assert metadata.get("grpc-retry-pushback-ms") == (str(pause) if pause else None)
    fields = tuple(violation.field for violation in bad_request.field_violations)
    references = tuple((violation.subject, violation.type) for violation in failure.violations)
    assert status.code == error.code().value[0]
    return Refusal(error.code(), info.reason, fields, error.details() or "", references, pause / 1000)


async def refused(call: Awaitable[object] | AsyncIterable[object]) -> Refusal:
    """Wait for a call that must be refused, and return how it was."""
    try:
        if isinstance(call, Awaitable):
            await call
        else:
            async for _ in call:
                pass
    except grpc.aio.AioRpcError as error:
        return refusal(error)
    raise AssertionError("the call was not refused")
