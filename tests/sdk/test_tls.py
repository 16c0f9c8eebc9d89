"""The Python client over TLS: whom it trusts, and how it is trusted itself."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import meimage
import pytest
from meimage.v1 import me_image_service_pb2 as rpc

from tests.sdk.certificates import write_certificates
from tests.sdk.conftest import AT_ONCE

Pem = Callable[[str], bytes]


@pytest.fixture
def pem(tmp_path: Path) -> Pem:
    """Give what one of the files of `write_certificates` holds."""
    write_certificates(tmp_path)
    return lambda name: (tmp_path / name).read_bytes()


@pytest.fixture
async def address(pem: Pem) -> AsyncIterator[str]:
    """A server that wants to know who calls, and answers every list with an empty one."""

    async def answer(_: rpc.ListMeImagesRequest, context: object) -> rpc.ListMeImagesResponse:
        del context
        return rpc.ListMeImagesResponse()

    handler: grpc.RpcMethodHandler[rpc.ListMeImagesRequest, rpc.ListMeImagesResponse] = (
        grpc.unary_unary_rpc_method_handler(
            answer, rpc.ListMeImagesRequest.FromString, rpc.ListMeImagesResponse.SerializeToString
        )
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("meimage.v1.MeImageService", {"ListMeImages": handler}),)
    )
    credentials = grpc.ssl_server_credentials(
        [(pem("server.key"), pem("server.pem"))], root_certificates=pem("ca.pem"), require_client_auth=True
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


async def test_who_is_trusted_is_answered(address: str, pem: Pem) -> None:
    tls = meimage.Tls(ca=pem("ca.pem"), certificate=pem("client.pem"), key=pem("client.key"))
    async with meimage.connect(address, "token", tls=tls) as client:
        assert not (await client.pool.ListMeImages(rpc.ListMeImagesRequest())).me_images


@pytest.mark.parametrize("trust", ["the system's roots", "another CA", "no certificate of ours", "plaintext"])
async def test_nobody_else_is_called_or_answered(address: str, pem: Pem, trust: str) -> None:
    tls = {
        "the system's roots": meimage.Tls(),
        "another CA": meimage.Tls(ca=pem("client.pem"), certificate=pem("client.pem"), key=pem("client.key")),
        "no certificate of ours": meimage.Tls(ca=pem("ca.pem")),
        "plaintext": None,
    }[trust]
    async with meimage.connect(address, "token", tls=tls, retries=AT_ONCE) as client:
        with pytest.raises(meimage.MeImageError) as refused:
            await client.pool.ListMeImages(rpc.ListMeImagesRequest())
    assert refused.value.code is grpc.StatusCode.UNAVAILABLE


def test_a_key_stands_in_no_text(pem: Pem) -> None:
    assert "PRIVATE" not in repr(meimage.Tls(key=pem("client.key")))
