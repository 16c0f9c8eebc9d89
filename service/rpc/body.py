"""Reading what a caller sends: each message within its time, and none that is not what it should be."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from google.protobuf.message import DecodeError, Message

from service.domain.errors import InvalidFields, UploadStalled
from service.rpc.handlers import Context
from service.rpc.subjects import admit


@dataclass(frozen=True, slots=True)
class Pace:
    """How many seconds a caller has between two messages, and a call in all."""

    message: float
    call: float
    stream: float


@dataclass(frozen=True, slots=True)
class Body:
    """How the messages of a method are read. grpcio hands them over as bytes: what it cannot read has no reason."""

    method: str
    read: Callable[[bytes], Message]
    seconds: float

    async def next(self, incoming: AsyncIterator[bytes]) -> Message | None:
        """Return the next message; None at the end. Raises InvalidFields."""
        content = await anext(incoming, None)
        return None if content is None else self._message(content)

    async def first(self, incoming: AsyncIterator[bytes]) -> Message:
        """Return the one message that there must be, within its time. Raises UploadStalled, InvalidFields."""
        try:
            async with asyncio.timeout(self.seconds):
                message = await self.next(incoming)
        except TimeoutError:
            raise UploadStalled from None
        if message is None:
            raise InvalidFields([])
        return message

    async def all(self, incoming: AsyncIterator[bytes], context: Context) -> AsyncIterator[Message]:
        """Tell all messages, each within its time, once the caller is admitted to what they name."""
        while True:
            try:
                async with asyncio.timeout(self.seconds):
                    message = await self.next(incoming)
            except TimeoutError:
                raise UploadStalled from None
            if message is None:
                await asyncio.sleep(0)  # grpcio ends the stream of a caller who vanished before it says so
                if context.cancelled():
                    raise asyncio.CancelledError
                return
            admit(self.method, message)
            yield message

    def _message(self, content: bytes) -> Message:
        try:
            return self.read(content)
        except DecodeError:
            raise InvalidFields([]) from None
