"""A refusal that comes while the client still sends keeps its status: grpcio loses it in up to half of the calls."""

import collections
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
import meimage
import pytest
from meimage.v1 import me_image_service_pb2 as rpc

from tests.sdk.conftest import AT_ONCE, Connect, Somebody
from tests.tokens import unsigned

ROUNDS = 60
PHOTO = bytes(10 * 1024 * 1024)


@dataclass
class Strict:
    """A server that refuses every upload after so many bytes, and hears no more of it."""

    address: str = ""
    after: int = 0

    async def refuse(
        self,
        messages: AsyncIterator[rpc.UploadMeImageRequest],
        context: grpc.aio.ServicerContext[rpc.UploadMeImageRequest, rpc.UploadMeImageResponse],
    ) -> None:
        """Read until it is enough."""
        received = 0
        async for message in messages:
            received += len(message.chunk)
            if received >= self.after:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "enough")


@pytest.fixture
async def strict() -> AsyncIterator[Strict]:
    strict, server = Strict(), grpc.aio.server()
    upload: grpc.RpcMethodHandler[rpc.UploadMeImageRequest, rpc.UploadMeImageResponse] = (
        grpc.stream_unary_rpc_method_handler(strict.refuse, rpc.UploadMeImageRequest.FromString)
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("meimage.v1.MeImageService", {"UploadMeImage": upload}),)
    )
    strict.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield strict
    await server.stop(0)


@pytest.mark.parametrize("after", [0, 300_000, 5_000_000])
async def test_the_status_is_that_of_the_server(strict: Strict, after: int) -> None:
    strict.after = after
    codes = collections.Counter[str]()
    async with meimage.connect(strict.address, "token", tls=None, retries=AT_ONCE) as client:
        for _ in range(ROUNDS):
            with pytest.raises(meimage.MeImageError) as refused:
                await client.upload(PHOTO, user_id="somebody")
            codes[f"{refused.value.code.name} {refused.value.message}"] += 1
    assert codes == {"INVALID_ARGUMENT enough": ROUNDS}


async def test_the_reason_arrives(connect: Connect, carol: Somebody) -> None:
    forged = connect(unsigned(carol.user_id))
    for _ in range(20):
        with pytest.raises(meimage.MeImageError) as refused:
            await forged.upload(PHOTO, user_id=carol.user_id)
        assert refused.value.reason == "UNAUTHENTICATED"
        with pytest.raises(meimage.MeImageError) as refused:
            await carol.client.upload(PHOTO, user_id="somebody else")
        assert refused.value.reason == "PERMISSION_DENIED"
