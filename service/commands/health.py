"""``health``: ask a running server, for probes; exit status 0 when it is SERVING."""

import sys
from collections.abc import Mapping
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.adapters.certificates import host_named_by

TIMEOUT_SECONDS = 5.0


async def health(address: str, environment: Mapping[str, str]) -> int:
    """Print the server's health and return 0 for SERVING, 1 for anything else.

    A probe runs beside its server, with the same settings: the one certificate that it trusts is the server's own.
    """
    try:
        opened = _channel(address, environment)
    except OSError as error:
        sys.stdout.write(f"the server's certificate or key cannot be read: {type(error).__name__}\n")
        return 1
    async with opened as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            sys.stdout.write(f"{error.code().name}\n")
            return 1
    sys.stdout.write(f"{health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}\n")
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


def _channel(address: str, environment: Mapping[str, str]) -> grpc.aio.Channel:
    cert_file = environment.get("ME_IMAGES_TLS_CERT_FILE")
    if not cert_file:
        return grpc.aio.insecure_channel(address)
    chain = Path(cert_file).read_bytes()
    host = host_named_by(chain)
    options = (("grpc.ssl_target_name_override", host),) if host else ()
    own: tuple[bytes, bytes] | tuple[None, None] = (None, None)
    if environment.get("ME_IMAGES_TLS_CLIENT_CA_FILE") and not environment.get("ME_IMAGES_MTLS_ADDRESS"):
        own = (Path(environment["ME_IMAGES_TLS_KEY_FILE"]).read_bytes(), chain)
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(chain, *own), options=options)
