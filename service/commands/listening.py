"""Knowing that a port is ours before anything is built."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from service.rpc.server import CannotListen


@contextmanager
def held_port(host: str, port: int) -> Iterator[int]:
    """Hold an address for processes that share it, port 0 for a free one; give the port.

    Sharing a port would silently join another server of the same user, so a plain bind asks first.
    Raises CannotListen.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as asking:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            asking.bind((host, port))
            port = asking.getsockname()[1]
        holding = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        raise CannotListen from None
    with holding:
        # Without it, connections that the server before us closed would keep the port for a minute more.
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            holding.bind((host, port))
        except OSError:
            raise CannotListen from None
        yield port


@contextmanager
def held_address(address: str) -> Iterator[str]:
    """Hold host:port, port 0 for a free one; give it with the port. Raises CannotListen."""
    host, _, port = address.rpartition(":")
    with held_port(host.strip("[]"), int(port)) as held:
        yield f"{host}:{held}"


@contextmanager
def held_or_free(host: str, port: int) -> Iterator[int]:
    """Hold a port, or a free one where another program has it; give it."""
    with ExitStack() as held:
        try:
            given = held.enter_context(held_port(host, port))
        except CannotListen:
            given = held.enter_context(held_port(host, 0))
        yield given
