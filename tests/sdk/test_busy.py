"""A server that is busy says when to come back: what may be made again is, not sooner, and nothing waits in vain."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc
import meimage
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from meimage.cli.failures import AWAY, status_of
from meimage.v1 import me_image_service_pb2 as rpc
from meimage.v1.event_pb2 import MeImageEvent

from service.rpc.handlers import Context, Handler
from tests.conftest import Serve
from tests.people import new_user_id
from tests.tokens import Issuer

LIST = rpc.ListMeImagesRequest(user_id="ada")


@dataclass
class Busy:
    """Cuts so many calls off, sends callers away with one delay after the other, None being none, and then answers."""

    delays: list[Duration | None] = field(default_factory=list)
    cut_off: int = 0
    calls: int = 0

    def answering(self, answer: Message) -> Handler:
        """Handle calls of every shape."""

        async def handle(_: object, context: Context) -> AsyncIterator[Message]:
            self.calls += 1
            if self.cut_off:
                self.cut_off -= 1
                await context.abort(grpc.StatusCode.CANCELLED)
            if self.delays:
                await _refuse(context, self.delays.pop(0))
            yield answer

        return grpc.stream_stream_rpc_method_handler(handle, None, type(answer).SerializeToString)


async def _refuse(context: Context, delay: Duration | None) -> None:
    status = Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message="Later.")
    status.details.add().Pack(error_details_pb2.ErrorInfo(domain="meimage", reason="OVERLOADED"))
    if delay is not None:
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, status.message, trailers)


@dataclass
class Asking:
    """A client of the busy server, and the pauses that it made."""

    busy: Busy
    client: meimage.Client
    pauses: list[float]


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    busy, server, pauses = Busy(), grpc.aio.server(), list[float]()
    event = rpc.WatchMeImagesResponse(event=MeImageEvent(event_id="one"))
    answers = {
        "ListMeImages": rpc.ListMeImagesResponse(),
        "DeleteMeImage": rpc.DeleteMeImageResponse(),
        "UploadMeImage": rpc.UploadMeImageResponse(),
        "WatchMeImages": event,
    }
    handlers = {name: busy.answering(answer) for name, answer in answers.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("meimage.v1.MeImageService", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    retries = meimage.Retries(sleep=pause, chance=lambda: 1.0)
    async with meimage.connect(f"127.0.0.1:{port}", "a-token", tls=None, retries=retries) as client:
        yield Asking(busy, client, pauses)
    await server.stop(None)


def delay(seconds: int, nanos: int = 0) -> Duration:
    return Duration(seconds=seconds, nanos=nanos)


async def test_a_read_comes_back_when_it_was_asked_to(asking: Asking) -> None:
    asking.busy.delays = [delay(2, 500_000_000), delay(1)]
    await asking.client.pool.ListMeImages(LIST)
    assert asking.pauses == [2.5 + 0.2, 1 + 0.4]


async def test_an_upload_does_too(asking: Asking) -> None:
    asking.busy.delays = [delay(7)]
    await asking.client.upload(b"a photo", user_id="ada")
    assert asking.pauses == [7.2]


async def test_a_watch_does_too_and_for_ever(asking: Asking) -> None:
    asking.busy.delays = [*(delay(1) for _ in range(9)), delay(10**9)]
    async for seen in asking.client.watch("ada"):
        assert seen.event.event_id == "one"
        break
    assert asking.pauses[0] == 1.2
    assert asking.pauses[-2:] == [1 + 5.0, 300 + 5.0]


async def test_a_mutation_is_left_to_its_caller(asking: Asking) -> None:
    asking.busy.delays = [delay(3)]
    with pytest.raises(meimage.MeImageError) as refused:
        await asking.client.pool.DeleteMeImage(rpc.DeleteMeImageRequest(user_id="ada"))
    assert (refused.value.reason, refused.value.retry_after, refused.value.busy) == ("OVERLOADED", 3.0, True)
    assert (asking.pauses, asking.busy.calls, status_of(refused.value)) == ([], 1, AWAY)


async def test_no_call_waits_for_longer_than_it_may_take(asking: Asking) -> None:
    asking.busy.delays = [delay(31), delay(6), delay(121)]
    for call in (
        lambda: asking.client.pool.ListMeImages(LIST),
        lambda: asking.client.pool.ListMeImages(LIST, timeout=5),
        lambda: asking.client.upload(b"a photo", user_id="ada"),
    ):
        with pytest.raises(meimage.MeImageError) as refused:
            await call()
        assert refused.value.busy
    assert (asking.pauses, asking.busy.calls) == ([], 3)


@pytest.mark.parametrize("said", [None, delay(0), delay(-5)])
async def test_a_server_that_does_not_say_when_is_not_asked_again(asking: Asking, said: Duration | None) -> None:
    asking.busy.delays = [said]
    with pytest.raises(meimage.MeImageError) as refused:
        await asking.client.pool.ListMeImages(LIST)
    assert (refused.value.retry_after, refused.value.busy, asking.pauses) == (0.0, False, [])


async def test_what_a_server_had_not_answered_when_it_ended_is_asked_again(asking: Asking) -> None:
    asking.busy.cut_off = 2
    await asking.client.pool.ListMeImages(LIST)
    async for seen in asking.client.watch("ada"):
        assert seen.event.event_id == "one"
        break
    asking.busy.cut_off = 1
    with pytest.raises(meimage.MeImageError) as cut:
        await asking.client.pool.DeleteMeImage(rpc.DeleteMeImageRequest(user_id="ada"))
    assert (cut.value.code, status_of(cut.value)) == (grpc.StatusCode.UNAVAILABLE, AWAY)


async def test_the_real_server_says_it_in_words_that_the_client_knows(serve: Serve, issuer: Issuer) -> None:
    user_id, pauses = new_user_id(), list[float]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    retries = meimage.Retries(attempts=2, sleep=pause, chance=lambda: 1.0)
    async with (
        serve(calls_per_second=0.2, calls_burst=1) as served,
        meimage.connect(served.address, issuer.user(user_id), tls=None, retries=retries) as client,
    ):
        request = rpc.ListMeImagesRequest(user_id=user_id)
        await client.pool.ListMeImages(request)
        with pytest.raises(meimage.MeImageError) as refused:
            await client.pool.ListMeImages(request)
    assert refused.value.reason == "RATE_LIMITED"
    assert 0 < refused.value.retry_after <= 7
    assert len(pauses) == 1
    assert pauses[0] > 3
