"""The gRPC server: its limits, its interceptors, its services."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from meimage.v1.admin_service_pb2_grpc import add_AdminServiceServicer_to_server
from meimage.v1.me_image_service_pb2_grpc import add_MeImageServiceServicer_to_server
from meimage.v1.reference_service_pb2_grpc import add_ReferenceServiceServicer_to_server

from service.ports.observing import Observing
from service.ports.transport import TlsSource
from service.rpc.admin_service import Administration
from service.rpc.admission import Admission
from service.rpc.body import Pace
from service.rpc.bounds import Bounds, Places
from service.rpc.call_log import CallLog
from service.rpc.errors import Errors
from service.rpc.health import Pingable, watched_health
from service.rpc.me_image_service import MeImages
from service.rpc.methods import ADMIN_SERVICE, ME_IMAGE_SERVICE, REFERENCE_SERVICE
from service.rpc.proof import Proof
from service.rpc.reference_service import References
from service.rpc.transport import credentials
from service.usecases.world import World

GRACE_SECONDS = 10.0
BACKLOG_SECONDS = 0.1
"""How long new calls are refused with a reason; then grpcio stops, and cancels without one what it has not begun."""

LAST_ANSWER_SECONDS = 0.5
"""How long after its last call a server goes on: the answer reaches its caller, and what had just come begins."""

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
"""Above the largest chunk, so that a chunk a little too large is refused with its reason."""

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", 16 * 1024),
    # Without it, a flood of reset streams on one connection starves the others.
    ("grpc.max_concurrent_streams", 100),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 512 * 1024),
    # Who connects and then says nothing holds a connection no longer than a body that stalls.
    ("grpc.server_handshake_timeout_ms", 10_000),
    # A peer that vanished without a word is found within half a minute, not at the end of a TCP timeout.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


class CannotListen(Exception):
    """The address is taken, or not one of this machine."""


@dataclass(frozen=True, slots=True)
class Door:
    """How the server meets callers. ``chance`` gives numbers from 0 up to 1.

    Without ``tls`` the server speaks plaintext. Nobody connects to ``mtls_address`` without a certificate; where there
    is none and ``tls`` has client CAs, that holds of ``address``. ``share_port`` lets other processes of ours listen on
    the same addresses.
    """

    address: str
    mtls_address: str | None
    tls: TlsSource | None
    pace: Pace
    bounds: Bounds
    chance: Callable[[], float]
    reflection: bool
    share_port: bool
    version: str


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers on ``port``, and on ``mtls_port`` where it has two addresses."""

    server: grpc.aio.Server
    port: int
    mtls_port: int | None


@asynccontextmanager
async def serving(
    door: Door, world: World, proof: Proof, needs: Mapping[str, Pingable], observing: Observing
) -> AsyncIterator[Running]:
    """Answer calls until the block ends, then let those in flight finish. Raises CannotListen."""
    admission = Admission(proof, door.pace, door.bounds, world.clock, observing.seconds)
    interceptors = (CallLog(world.ids, observing), Errors(door.chance), admission)
    server = grpc.aio.server(
        interceptors=interceptors, options=(*_OPTIONS, ("grpc.so_reuseport", int(door.share_port)))
    )
    watchers, budget = Places(door.bounds.watchers, door.bounds.watchers_each), door.bounds.transfers.budget
    add_MeImageServiceServicer_to_server(MeImages(world, door.bounds.transfers, watchers), server)
    add_ReferenceServiceServicer_to_server(References(world, budget), server)
    add_AdminServiceServicer_to_server(Administration(world, budget, door.version), server)
    port, mtls_port = _listen(server, door)
    async with watched_health(needs) as health:
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        if door.reflection:
            own = (ME_IMAGE_SERVICE, REFERENCE_SERVICE, ADMIN_SERVICE)
            reflection.enable_server_reflection((*own, "grpc.health.v1.Health", reflection.SERVICE_NAME), server)
        await server.start()
        try:
            yield Running(server, port, mtls_port)
        finally:
            await health.enter_graceful_shutdown()
            admission.stop()
            await _drained(server, admission)


async def _drained(server: grpc.aio.Server, admission: Admission) -> None:
    """Let calls end that are in flight. Those who watch our health, or reflect, would stay for all of the grace."""
    await asyncio.sleep(BACKLOG_SECONDS)
    stopping = asyncio.create_task(server.stop(GRACE_SECONDS))
    quiet = asyncio.create_task(admission.is_quiet(LAST_ANSWER_SECONDS))
    await asyncio.wait({stopping, quiet}, return_when=asyncio.FIRST_COMPLETED)
    quiet.cancel()
    await server.stop(None)
    await stopping


def _listen(server: grpc.aio.Server, door: Door) -> tuple[int, int | None]:
    try:
        if door.tls is None:
            return server.add_insecure_port(door.address), None
        asks_everybody = door.mtls_address is None and door.tls.current().client_ca is not None
        port = server.add_secure_port(door.address, credentials(door.tls, ask_callers=asks_everybody))
        if door.mtls_address is None:
            return port, None
        return port, server.add_secure_port(door.mtls_address, credentials(door.tls, ask_callers=True))
    except RuntimeError:
        raise CannotListen from None
