"""MeImageService: decode, call one use case, encode."""

from collections.abc import AsyncIterator
from functools import partial

from meimage.v1 import me_image_service_pb2 as pb
from meimage.v1.me_image_service_pb2_grpc import MeImageServiceServicer

from service.domain import limits
from service.domain.errors import UploadOutOfOrder
from service.domain.model import MediaId, MeImageId, UserId
from service.ports.records import ListFilter
from service.rpc.bounds import Places
from service.rpc.calls import current_call, current_caller
from service.rpc.convert import me_image_message, media_message
from service.rpc.enums import RENDITIONS, VIEWS
from service.rpc.fields import Fields
from service.rpc.happenings import Happenings
from service.rpc.pool_rules import PoolRules
from service.rpc.transfers import Transfers
from service.usecases.create import Creation, create_me_image
from service.usecases.download import Wish, find_download, open_download
from service.usecases.pool import ListQuery, get_me_image, list_me_images
from service.usecases.receive import UploadHeader, receive
from service.usecases.upload import Upload, store_upload
from service.usecases.world import World


class MeImages(PoolRules, Happenings, MeImageServiceServicer):
    """The user's side of the pool."""

    def __init__(self, world: World, transfers: Transfers, watchers: Places) -> None:
        PoolRules.__init__(self, world)
        Happenings.__init__(self, world, watchers)
        self._transfers = transfers.budget
        self._arrivals = transfers.arrivals

    async def UploadMeImage(
        self, request_iterator: AsyncIterator[pb.UploadMeImageRequest], context: object
    ) -> pb.UploadMeImageResponse:
        header = await _upload_header(request_iterator)
        announced = min(header.size_bytes or limits.MAX_PHOTO_BYTES, limits.MAX_PHOTO_BYTES)
        async with self._arrivals.upload(announced, str(current_caller())) as arriving:
            photo = await receive(header, arriving.taken_in(_upload_chunks(request_iterator)))
            uploaded = await store_upload(self._world, Upload(current_caller(), header, photo))
        me_image = me_image_message(uploaded.me_image) if uploaded.me_image else None
        return pb.UploadMeImageResponse(media=media_message(uploaded.media), me_image=me_image)

    async def CreateMeImage(self, request: pb.CreateMeImageRequest, context: object) -> pb.CreateMeImageResponse:
        fields = Fields()
        media_id = MediaId(fields.uuid("media_id", request.media_id))
        request_id = fields.request_id(request.request_id)
        new = fields.new_me_image(request.new_me_image)
        fields.check()
        creation = Creation(UserId(request.user_id), media_id, new, request_id)
        me_image = await create_me_image(self._world, current_caller(), creation)
        return pb.CreateMeImageResponse(me_image=me_image_message(me_image))

    async def GetMeImage(self, request: pb.GetMeImageRequest, context: object) -> pb.GetMeImageResponse:
        fields = Fields()
        me_image_id = MeImageId(fields.uuid("me_image_id", request.me_image_id))
        fields.check()
        me_image = await get_me_image(self._world, UserId(request.user_id), me_image_id)
        return pb.GetMeImageResponse(me_image=me_image_message(me_image))

    async def ListMeImages(self, request: pb.ListMeImagesRequest, context: object) -> pb.ListMeImagesResponse:
        fields = Fields()
        with_thumbnails = fields.choice("view", VIEWS, request.view, default=False)
        most = limits.MAX_FULL_PAGE_SIZE if with_thumbnails else limits.MAX_PAGE_SIZE
        query = ListQuery(
            user_id=UserId(request.user_id),
            which=ListFilter(fields.kinds("kinds", request.kinds), request.ai_reference_only, request.include_deleted),
            page_size=fields.number("page_size", request.page_size or limits.DEFAULT_PAGE_SIZE, 1, most),
            page_token=request.page_token,
            with_thumbnails=with_thumbnails,
        )
        fields.check()
        page = await list_me_images(self._world, query)
        thumbnails = page.thumbnails or (b"",) * len(page.me_images)
        me_images = [me_image_message(*pair) for pair in zip(page.me_images, thumbnails, strict=True)]
        return pb.ListMeImagesResponse(me_images=me_images, next_page_token=page.next_page_token)

    async def DownloadMeImage(
        self, request: pb.DownloadMeImageRequest, context: object
    ) -> AsyncIterator[pb.DownloadMeImageResponse]:
        fields = Fields()
        me_image_id = MeImageId(fields.uuid("me_image_id", request.me_image_id))
        rendition = fields.choice("rendition", RENDITIONS, request.rendition, default=None)
        fields.check()
        wish = Wish(current_caller(), UserId(request.user_id), me_image_id, rendition)
        hold = partial(self._transfers.hold, caller=str(wish.caller))
        download = await find_download(self._world, wish, hold)
        async with hold(download.size_bytes):
            opened = await open_download(self._world, download)
            header = pb.DownloadHeader(
                content_type=download.content_type,
                size_bytes=len(opened.content),
                sha256=opened.sha256,
                width=download.width,
                height=download.height,
            )
            yield pb.DownloadMeImageResponse(header=header)
            for start in range(0, len(opened.content), limits.DOWNLOAD_CHUNK_BYTES):
                chunk = opened.content[start : start + limits.DOWNLOAD_CHUNK_BYTES]
                yield pb.DownloadMeImageResponse(chunk=chunk)
                current_call().photo_bytes += len(chunk)


async def _upload_header(messages: AsyncIterator[pb.UploadMeImageRequest]) -> UploadHeader:
    message = await anext(messages, None)
    if message is None or not message.HasField("header"):
        raise UploadOutOfOrder
    header, fields = message.header, Fields()
    read = UploadHeader(
        user_id=UserId(header.user_id),
        filename=fields.text("filename", header.filename, limits.MAX_FILENAME_CHARACTERS),
        sha256=fields.sha256("sha256", header.sha256) if header.HasField("sha256") else None,
        size_bytes=header.size_bytes if header.HasField("size_bytes") else None,
        request_id=fields.request_id(header.request_id),
        new_me_image=fields.new_me_image(header.new_me_image) if header.HasField("new_me_image") else None,
    )
    if read.size_bytes is not None and read.size_bytes < 1:
        fields.bad("size_bytes", "must be at least 1")
    fields.check()
    return read


async def _upload_chunks(messages: AsyncIterator[pb.UploadMeImageRequest]) -> AsyncIterator[bytes]:
    async for message in messages:
        if not message.HasField("chunk") or not 1 <= len(message.chunk) <= limits.MAX_CHUNK_BYTES:
            raise UploadOutOfOrder
        current_call().photo_bytes += len(message.chunk)
        yield message.chunk
