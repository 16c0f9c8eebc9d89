"""The status of a call that still sends when it is refused.

grpcio 1.85 loses it in up to half of the cases: a write that fails because the call has ended sets the call's status to
an INTERNAL of its own, before or after that of the server. So both are looked at, and the server's counts.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from grpc import StatusCode, aio

from meimage.errors import MeImageError, decoded, from_rpc

T = TypeVar("T")

_LOCAL = "Internal error from Core"
"""The details of grpcio's own INTERNAL."""
_PATIENCE_SECONDS, _LOOK_SECONDS = 1.0, 0.005


class Status:
    """What is known of how a call ended. To be made before the call can have ended."""

    def __init__(self, call: aio.Call) -> None:
        self._call = call
        self._first: MeImageError | None = None
        call.add_done_callback(self._note)

    async def error(self, raised: aio.AioRpcError) -> MeImageError:
        """Return the server's error where there is one, else the one that was raised."""
        last = from_rpc(raised)
        if not _is_local(last):
            return last
        if self._first is not None and not _is_local(self._first):
            return self._first
        return await self._later() or last

    def _note(self, _: object) -> None:
        # Now or never: the next thing to happen may be the write that fails.
        call = self._call
        code, details = _at_once(call.code()), _at_once(call.details())
        if code is not None and code is not StatusCode.OK:
            self._first = decoded(code, details, _at_once(call.trailing_metadata()))

    async def _later(self) -> MeImageError | None:
        """Wait for the server's status where our own came first; not for long, the connection may be lost."""
        for _ in range(int(_PATIENCE_SECONDS / _LOOK_SECONDS)):
            call = self._call
            error = decoded(await call.code(), await call.details(), await call.trailing_metadata())
            if not _is_local(error):
                return error
            await asyncio.sleep(_LOOK_SECONDS)
        return None


def _is_local(error: MeImageError) -> bool:
    return error.code is StatusCode.INTERNAL and error.message == _LOCAL


def _at_once(answer: Awaitable[T]) -> T | None:
    """Return what an awaitable has ready, None where it would have to wait."""
    waiting = answer.__await__()
    try:
        next(waiting)
    except StopIteration as ready:
        value: T = ready.value
        return value
    waiting.close()
    return None
