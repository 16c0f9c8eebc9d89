"""One log line for every call: what, who, how it ended, how long it took. Nothing of its content."""

import asyncio
from collections.abc import AsyncIterator, Callable

import grpc
import structlog
from google.protobuf.message import Message

from service.ports.outside import Ids
from service.rpc.calls import Call, begin_call
from service.rpc.handlers import Context, Handler, StreamBehavior, Wrapping, surround
from service.rpc.methods import SCOPES

UNKNOWN = "unknown"
"""What stands for a method that does not exist: its name is a text of the caller's."""


class CallLog(Wrapping):
    """Begins every call and writes its line. ``seconds`` is a monotonic clock."""

    def __init__(self, ids: Ids, seconds: Callable[[], float]) -> None:
        super().__init__()
        self._ids = ids
        self._seconds = seconds
        self._log = structlog.get_logger().bind()  # once, not once a call

    def wrap(self, method: str, handler: Handler) -> Handler:
        """See Wrapping."""
        name = method if method in SCOPES else UNKNOWN

        async def logged(inner: StreamBehavior, incoming: AsyncIterator[Message], context: Context) -> Message | None:
            call = Call(name, self._ids.new_id())
            begin_call(call)
            started = self._seconds()
            code = grpc.StatusCode.OK.name
            try:
                return await inner(incoming, context)
            except asyncio.CancelledError:
                code = grpc.StatusCode.CANCELLED.name
                raise
            except BaseException:
                code = _name_of(context.code())
                raise
            finally:
                self._write(call, code, started)

        return surround(handler, logged)

    def _write(self, call: Call, code: str, started: float) -> None:
        self._log.info(
            "call",
            method=call.method,
            caller=None if call.caller is None else str(call.caller),
            code=code,
            ms=round((self._seconds() - started) * 1000, 2),
            request_id=str(call.request_id),
        )


def _name_of(code: object) -> str:
    return code.name if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN.name
