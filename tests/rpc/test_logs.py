"""The log of a real server process: one line for every call, and nothing of what the calls held."""

import asyncio
import json
import sys
import uuid
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from service.config import Settings
from tests import pictures
from tests.dev_process import environment
from tests.people import Person, bearer, face, new_user_id, person, refused, upload_messages
from tests.rpc.calls import Nobody
from tests.serve_process import variables
from tests.tokens import Issuer

CANARY = "canary-4711"
RawCall: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"
FIELDS = {"event", "level", "time", "method", "caller", "code", "ms", "request_id"}


@dataclass
class Logged:
    """A server process, somebody who calls it, and what it has written."""

    caller: Person
    channel: grpc.aio.Channel
    process: asyncio.subprocess.Process

    async def log(self) -> str:
        """Stop the server and return its whole log."""
        self.process.terminate()
        _, err = await self.process.communicate()
        assert self.process.returncode == 0
        return err.decode()


def calls_in(log: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in log.splitlines()]
    return [line for line in lines if line["event"] == "call"]


@pytest.fixture
async def logged(settings: Settings, issuer: Issuer, tmp_path: Path) -> AsyncIterator[Logged]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", "serve"),
        cwd=tmp_path,
        env=environment() | variables(settings),
        stdout=DEVNULL,
        stderr=PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(60):
        serving = json.loads(await process.stderr.readline())
    assert serving["event"] == "serving"
    user_id = f"{new_user_id()}"
    async with grpc.aio.insecure_channel(f"127.0.0.1:{serving['port']}") as channel:
        yield Logged(person(channel, issuer.user(user_id, note=CANARY), user_id), channel, process)
    if process.returncode is None:
        process.kill()
        await process.communicate()


async def test_every_call_has_one_line_with_exactly_these_fields(logged: Logged, request_id: str) -> None:
    caller, other_id = logged.caller, str(uuid.uuid4())
    made = (await caller.upload(pictures.jpeg(), face(), request_id=request_id)).me_image
    await caller.get(made.me_image_id)
    await caller.page()
    await caller.download(made.me_image_id)
    await refused(caller.get("no id"))
    await refused(caller.create("11111111-2222-3333-4444-555555555555", face(), request_id=other_id))
    await refused(Nobody(caller.user_id, "", caller.stub).get(made.me_image_id))
    await health_pb2_grpc.HealthStub(logged.channel).Check(health_pb2.HealthCheckRequest())
    lines = calls_in(await logged.log())
    assert all(set(line) == FIELDS for line in lines)
    who = f"user:{caller.user_id}"
    assert [(str(line["method"]).rpartition("/")[2], line["caller"], line["code"]) for line in lines] == [
        ("UploadMeImage", who, "OK"),
        ("GetMeImage", who, "OK"),
        ("ListMeImages", who, "OK"),
        ("DownloadMeImage", who, "OK"),
        ("GetMeImage", who, "INVALID_ARGUMENT"),
        ("CreateMeImage", who, "NOT_FOUND"),
        ("GetMeImage", None, "UNAUTHENTICATED"),
    ]
    assert [lines[0]["request_id"], lines[5]["request_id"]] == [request_id, other_id]
    assert len({line["request_id"] for line in lines}) == len(lines)
    assert all(isinstance(line["ms"], float) and 0 < line["ms"] < 60_000 for line in lines)


async def test_a_refusals_request_id_is_the_one_of_its_line(logged: Logged) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await logged.caller.get("no id")
    (line,) = calls_in(await logged.log())
    assert str(line["request_id"]).encode() in dict(error.value.trailing_metadata() or ())["grpc-status-details-bin"]


async def test_a_call_that_its_caller_cancelled_has_its_line(logged: Logged) -> None:
    call = logged.caller.stub.UploadMeImage(metadata=logged.caller.metadata)
    await call.write(rpc.UploadMeImageRequest(header=rpc.UploadHeader(user_id=logged.caller.user_id)))
    await call.write(rpc.UploadMeImageRequest(chunk=pictures.jpeg()))
    assert (await logged.caller.page()).me_images == []
    call.cancel()
    lines = calls_in(await logged.log())
    assert sorted(str(line["code"]) for line in lines) == ["CANCELLED", "OK"]


async def test_nothing_that_a_caller_sent_is_in_the_log(logged: Logged, issuer: Issuer) -> None:
    caller = logged.caller
    labelled = face(f"label {CANARY}", f"tag {CANARY}")
    pixels = pictures.png(compress_level=0)
    made = (await caller.upload(pixels, labelled, filename=f"{CANARY}.png")).me_image
    await caller.get(made.me_image_id)
    await caller.page(rpc.ListMeImagesRequest(view=pb.ME_IMAGE_VIEW_FULL))
    await caller.download(made.me_image_id)
    bad = [
        caller.get(CANARY),
        caller.page(rpc.ListMeImagesRequest(page_token=CANARY)),
        caller.upload(CANARY.encode(), labelled, filename=CANARY),
        caller.upload(b"\xff\xd8\xff" + CANARY.encode(), labelled, filename=CANARY),
        caller.upload(pixels, pb.NewMeImage(label=CANARY * 30, tags=[CANARY] * 40), filename=CANARY, request_id=CANARY),
        caller.send(upload_messages(rpc.UploadHeader(user_id=f"{CANARY}\n", filename=CANARY), CANARY.encode())),
        caller.send(upload_messages(rpc.UploadHeader(user_id=caller.user_id, sha256=CANARY), CANARY.encode())),
        Nobody(caller.user_id, "", caller.stub, bearer(CANARY)).get(made.me_image_id),
        Nobody(caller.user_id, "", caller.stub, bearer(issuer.user(CANARY, exp=1))).get(made.me_image_id),
    ]
    for call in bad:
        await refused(call)
    for method in ("GetMeImage", CANARY):
        raw: RawCall = logged.channel.unary_unary(f"/meimage.v1.MeImageService/{method}")
        with pytest.raises(grpc.aio.AioRpcError):
            await raw(b"\xff" + CANARY.encode(), metadata=caller.metadata)
    log = await logged.log()
    assert len(calls_in(log)) == 4 + len(bad) + 2
    assert calls_in(log)[-1]["method"] == "unknown"
    pixel_run = bytes(pictures.RED) * 8
    for secret in (CANARY, caller.token, caller.token.split(".")[2], repr(pixel_run)[2:-1], pixel_run.hex()):
        assert secret not in log
