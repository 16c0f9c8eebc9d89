"""The channel to a server: TLS unless it is this machine, keepalive, limits."""

import ipaddress
from dataclasses import dataclass, field

import grpc
from grpc import aio

from meimage.interceptors import Receiving, Sending, Unary
from meimage.reconnecting import Reconnecting
from meimage.retries import Retries
from meimage.tokens import TokenProvider

MAX_RECEIVE_BYTES = 8 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # A watch in which nothing happens is alive all the same.
    ("grpc.http2.max_pings_without_data", 0),
    # After a restart of the server a call should find it, not wait long for the channel: see reconnecting.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Else clients of one server share a connection, and a new one begins with the failures of the others.
    ("grpc.use_local_subchannel_pool", 1),
)


class PlaintextRefused(Exception):
    """Without TLS, a token and the photos could be read on the way: only this machine may be reached so."""

    def __init__(self) -> None:
        super().__init__(
            "Plaintext is for loopback addresses (127.0.0.0/8, ::1, localhost); use TLS, or pass allow_plaintext=True."
        )


@dataclass(frozen=True)
class Tls:
    """How to trust the server, and how to be trusted: PEM. Left out: the system's roots, no client certificate."""

    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)


def open_channel(
    address: str, token: TokenProvider, tls: Tls | None, retries: Retries, *, allow_plaintext: bool
) -> aio.Channel:
    """Open a channel. Raises PlaintextRefused."""
    reconnecting = Reconnecting()
    interceptors = [kind(token, retries, reconnecting) for kind in (Unary, Receiving, Sending)]
    if tls is not None:
        credentials = grpc.ssl_channel_credentials(tls.ca, tls.key, tls.certificate)
        channel = aio.secure_channel(address, credentials, options=_OPTIONS, interceptors=interceptors)
    elif allow_plaintext or is_loopback(address):
        channel = aio.insecure_channel(address, options=_OPTIONS, interceptors=interceptors)
    else:
        raise PlaintextRefused
    reconnecting.follow(channel)
    return channel


def is_loopback(address: str) -> bool:
    """Whether host:port, the host perhaps in brackets, is on this machine for sure."""
    host = address.rpartition(":")[0] if not address.endswith("]") else address
    host = host.removeprefix("[").removesuffix("]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
