"""More uploads at once than the decoders take: some are refused at once, and reads and health go on."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.adapters.pictures import QUEUE
from tests import pictures
from tests.conftest import Serve
from tests.faults.load import EAGER
from tests.people import Person, face, new_user_id, person, refusal
from tests.tokens import Issuer
from tests.waiting import until

PEOPLE, PHOTOS = 3, 40
CALL_SECONDS = 5.0


async def outcome(who: Person, number: int) -> tuple[str, bytes]:
    """Upload; return the me_image_id, or how it was refused, and the photo."""
    photo = pictures.jpeg(30 + number, 40)
    try:
        return (await who.upload(photo, face(str(number)))).me_image.me_image_id, photo
    except grpc.aio.AioRpcError as error:
        answer = refusal(error)
        assert 1 <= answer.retry_seconds <= 2
        return answer.reason, photo


async def test_reads_and_health_go_on_while_the_decoders_have_all_they_take(serve: Serve, issuer: Issuer) -> None:
    async with serve(decoders=1) as served, AsyncExitStack() as stack:
        people = []
        for user_id in (new_user_id() for _ in range(PEOPLE)):  # a connection each: one has 100 streams at most
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(served.address, options=EAGER))
            people.append(person(channel, issuer.user(user_id), user_id))
        made = (await people[0].upload(pictures.png(), face())).me_image.me_image_id
        (decoder,) = served.built.parts.pictures.pids
        os.kill(decoder, signal.SIGSTOP)
        uploads = [asyncio.create_task(outcome(who, number)) for number in range(PHOTOS) for who in people]
        await until(lambda: sum(upload.done() for upload in uploads) == len(uploads) - QUEUE - 1)
        health = health_pb2_grpc.HealthStub(served.channel)
        for _ in range(10):
            async with asyncio.timeout(CALL_SECONDS):
                assert (await people[0].get(made)).me_image_id == made
            answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        os.kill(decoder, signal.SIGCONT)
        results = [await upload for upload in uploads]
        assert [result for result, _ in results].count("OVERLOADED") == len(uploads) - QUEUE - 1
        for at, (result, photo) in enumerate(results):
            if result != "OVERLOADED":
                assert (await people[at % PEOPLE].download(result))[1] == photo
