"""One log line for every call: what, who, how it ended, how long it took. Nothing of its content.

Whoever counts calls or traces them is told here, too, so that log, metrics and traces agree.
"""

import asyncio
from collections.abc import AsyncIterator

import grpc
import structlog
from google.protobuf.message import Message

from service.ports.observing import EndedCall, Observing
from service.ports.outside import Ids
from service.rpc.calls import Call, begin_call
from service.rpc.handlers import Context, Handler, StreamBehavior, Wrapping, surround
from service.rpc.methods import SCOPES

UNKNOWN = "unknown"
"""What stands for a method that does not exist: its name is a text of the caller's."""


class CallLog(Wrapping):
    """Begins every call and writes its line."""

    def __init__(self, ids: Ids, observing: Observing) -> None:
        super().__init__()
        self._ids = ids
        self._seconds = observing.seconds
        self._calls = observing.calls
        self._traces = observing.traces
        self._log = structlog.get_logger().bind()  # once, not once a call

    def wrap(self, method: str, handler: Handler) -> Handler:
        """See Wrapping."""
        name = method if method in SCOPES else UNKNOWN

        async def logged(inner: StreamBehavior, incoming: AsyncIterator[bytes], context: Context) -> Message | None:
            call = Call(name, self._ids.new_id())
            begin_call(call)
            self._calls.began(name)
            started = self._seconds()
            code = grpc.StatusCode.OK.name
            with self._traces.call(name, context.invocation_metadata) as traced:
                try:
                    return await inner(incoming, context)
                except asyncio.CancelledError:
                    code = grpc.StatusCode.CANCELLED.name
                    raise
                except BaseException:
                    code = _name_of(context.code())
                    raise
                finally:
                    seconds = self._seconds() - started
                    traced.ended(code)
                    self._calls.ended(EndedCall(name, code, seconds, call.reason, call.photo_bytes))
                    self._write(call, code, seconds)

        return surround(handler, logged)

    def _write(self, call: Call, code: str, seconds: float) -> None:
        self._log.info(
            "call",
            method=call.method,
            caller=None if call.caller is None else str(call.caller),
            code=code,
            ms=round(seconds * 1000, 2),
            request_id=str(call.request_id),
        )


def _name_of(code: object) -> str:
    return code.name if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN.name
