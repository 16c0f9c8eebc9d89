"""TCP ports of 127.0.0.1 that nobody listens on."""

import socket
from contextlib import ExitStack
from secrets import SystemRandom

GRPC_OFFSET = 10_000
"""What weed adds to a port for the gRPC port beside it; some of its parts do so whatever they are told."""

# With their companions they stay below the ports that Linux gives to outgoing connections (32768-60999): none of those
# takes one between our look and its use.
_CANDIDATES = range(12_000, 22_000)


def free_ports(count: int) -> list[int]:
    """Return ports that are free now, each with a free port GRPC_OFFSET above. Raises OSError where there are too few.

    Free now is no promise: the caller tries again with others where one is taken before its use.
    """
    found: list[int] = []
    with ExitStack() as held:
        for port in SystemRandom().sample(_CANDIDATES, len(_CANDIDATES)):
            if len(found) == count:
                return found
            if _hold(port, held) and _hold(port + GRPC_OFFSET, held):
                found.append(port)
    raise OSError(f"fewer than {count} free ports between {_CANDIDATES.start} and {_CANDIDATES.stop}")


def _hold(port: int, held: ExitStack) -> bool:
    candidate = held.enter_context(socket.socket())
    try:
        candidate.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
