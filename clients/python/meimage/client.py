"""The client: the raw stubs, and what is more than one call or more than a call."""

import uuid
from collections.abc import AsyncIterable, AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from grpc import aio

from meimage import download, ledger, releasing, watching
from meimage.connection import Tls, open_channel
from meimage.interceptors import STREAM_SECONDS
from meimage.ledger import VerifiedLedger
from meimage.release import ReleasedReferences, collect
from meimage.releasing import ReleasePart
from meimage.retries import Retries
from meimage.sources import Source, read_photo
from meimage.tokens import TokenProvider
from meimage.upload import Progress, Upload, digest
from meimage.v1.me_image_pb2 import NewMeImage, Rendition
from meimage.v1.me_image_service_pb2 import (
    DownloadMeImageRequest,
    UploadHeader,
    UploadMeImageResponse,
    WatchMeImagesRequest,
)
from meimage.v1.me_image_service_pb2_grpc import MeImageServiceStub
from meimage.v1.reference_service_pb2 import ReleaseReferencesRequest, ReleaseReferencesResponse, ReleaseValidation
from meimage.v1.reference_service_pb2_grpc import ReferenceServiceStub
from meimage.watching import Watched

if TYPE_CHECKING:
    from meimage.v1.me_image_service_pb2_grpc import MeImageServiceAsyncStub
    from meimage.v1.reference_service_pb2_grpc import ReferenceServiceAsyncStub


def connect(
    address: str,
    token: TokenProvider,
    *,
    tls: Tls | None = Tls(),  # noqa: B008 - frozen
    allow_plaintext: bool = False,
    retries: Retries = Retries(),  # noqa: B008 - frozen
) -> "Client":
    """Return a client of the server at ``address``, host:port; to be called where an event loop runs.

    ``token`` is a bearer token or a function, asynchronous or not, that is asked for one before every call.
    ``tls=None`` means plaintext, which is for loopback addresses unless ``allow_plaintext`` says otherwise. Nothing is
    sent before the first call.

    Raises:
        PlaintextRefused: plaintext to another machine.
    """
    return Client(open_channel(address, token, tls, retries, allow_plaintext=allow_plaintext), retries)


class Client:
    """Every method raises MeImageError where its call does not succeed.

    ``pool`` and ``references`` are the stubs of MeImageService and ReferenceService: they carry the token, raise
    MeImageError, have a deadline, and make Get* and List* again while the server is away.
    """

    def __init__(self, channel: aio.Channel, retries: Retries) -> None:
        self._channel = channel
        self._retries = retries
        self.pool: MeImageServiceAsyncStub = MeImageServiceStub(channel)
        self.references: ReferenceServiceAsyncStub = ReferenceServiceStub(channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all calls and the connection."""
        await self._channel.close()

    async def upload(  # noqa: PLR0913 - one call does what took three
        self,
        source: Source,
        *,
        user_id: str,
        new_me_image: NewMeImage | None = None,
        filename: str | None = None,
        request_id: str | None = None,
        progress: Progress | None = None,
        timeout: float | None = STREAM_SECONDS,  # noqa: ASYNC109 - the deadline of the call, which the server hears of
    ) -> UploadMeImageResponse:
        """Store a photo of at most 10 MiB, and make a me-image of it where ``new_me_image`` is given.

        The photo is read whole before anything is sent. Where the connection breaks it is sent again, at most four
        times in all and with one ``request_id``, so that it is stored once; ``timeout`` is that of one attempt, in
        seconds. ``filename`` is for display; left out, the name of the file that was read.
        """
        photo = await read_photo(source)
        header = UploadHeader(
            user_id=user_id,
            filename=photo.name if filename is None else filename,
            sha256=digest(photo.content),
            size_bytes=len(photo.content),
            request_id=request_id or str(uuid.uuid4()),
            new_me_image=new_me_image,
        )
        return await Upload(header, photo.content, progress, timeout).send(self.pool, self._retries)

    async def download(
        self,
        user_id: str,
        me_image_id: str,
        rendition: Rendition.ValueType = Rendition.RENDITION_UNSPECIFIED,
        *,
        timeout: float | None = STREAM_SECONDS,  # noqa: ASYNC109
    ) -> bytes:
        """Return the original, or a rendition; raise DamagedBytes where it is not what was announced."""
        request = DownloadMeImageRequest(user_id=user_id, me_image_id=me_image_id, rendition=rendition)
        return await download.receive(self.pool.DownloadMeImage(request, timeout=timeout))

    async def release(
        self,
        request: ReleaseReferencesRequest,
        *,
        timeout: float | None = STREAM_SECONDS,  # noqa: ASYNC109
    ) -> ReleasedReferences:
        """Return a whole release; raise BrokenRelease where it is not what the ledger says, or did not end."""
        return await collect(self._release(request, timeout, validate_only=False))

    async def release_stream(
        self,
        request: ReleaseReferencesRequest,
        *,
        timeout: float | None = STREAM_SECONDS,  # noqa: ASYNC109
    ) -> AsyncIterator[ReleasePart]:
        """Give the Release, then for each image its ReferenceImage and its bytes in chunks.

        Raises BrokenRelease at the end of an image that is not what the ledger says, or where the release did not end.
        """
        async for part in releasing.parts(self._release(request, timeout, validate_only=False)):
            yield part

    async def validate_release(self, request: ReleaseReferencesRequest) -> ReleaseValidation:
        """Return what a release would refuse and why; nothing is released and the ledger says nothing of it."""
        return await releasing.validation(self._release(request, STREAM_SECONDS, validate_only=True))

    async def watch(self, user_id: str | None, resume_token: str = "") -> AsyncIterator[Watched]:
        """Give what happens from now on, or after ``resume_token``: to a person, or with None to everybody.

        Connects again, with pauses, as often as the connection is lost, and goes on where it was; no event is given
        twice or left out. Ends when the caller stops iterating; a refusal is raised.
        """
        request = WatchMeImagesRequest(user_id=user_id or "", resume_token=resume_token)
        async for seen in watching.watched(self.pool, request, self._retries):
            yield seen

    async def verify_ledger(self, user_id: str) -> VerifiedLedger:
        """Read a person's whole ledger and compute every hash again. Raises LedgerBroken."""
        return ledger.verify_entries(user_id, await ledger.all_entries(self.pool, user_id))

    def _release(
        self, request: ReleaseReferencesRequest, timeout: float | None, *, validate_only: bool
    ) -> AsyncIterable[ReleaseReferencesResponse]:
        asked = ReleaseReferencesRequest()
        asked.CopyFrom(request)
        asked.validate_only = validate_only
        return self.references.ReleaseReferences(asked, timeout=timeout)
