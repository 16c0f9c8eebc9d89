"""One log line for every call: what, who, how it ended, how long it took. Nothing of its content."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc
import structlog

from service.ports.outside import Ids
from service.rpc.calls import Call, begin_call
from service.rpc.handlers import Context, Continuation, Handler, surround
from service.rpc.methods import SCOPES, is_open

UNKNOWN = "unknown"
"""What stands for a method that does not exist: its name is a text of the caller's."""

_log = structlog.get_logger()


class CallLog(grpc.aio.ServerInterceptor):
    """Begins every call and writes its line. ``seconds`` is a monotonic clock."""

    def __init__(self, ids: Ids, seconds: Callable[[], float]) -> None:
        self._ids = ids
        self._seconds = seconds

    async def intercept_service(  # type: ignore[override] # the stubs give this method type variables of its own
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """See grpc.aio.ServerInterceptor."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or is_open(method):
            return handler

        @asynccontextmanager
        async def logged(context: Context) -> AsyncIterator[None]:
            call = Call(method if method in SCOPES else UNKNOWN, self._ids.new_id())
            begin_call(call)
            started = self._seconds()
            code = grpc.StatusCode.OK.name
            try:
                yield
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
        _log.info(
            "call",
            method=call.method,
            caller=None if call.caller is None else str(call.caller),
            code=code,
            ms=round((self._seconds() - started) * 1000, 2),
            request_id=str(call.request_id),
        )


def _name_of(code: object) -> str:
    return code.name if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN.name
