"""`make run` as a person meets it: twice, interrupted, restarted, with its port taken."""

import socket
import stat
from pathlib import Path

import grpc
import psutil
from meimage.v1 import me_image_pb2 as pb

from tests.dev_process import DevProcess, dev_running, ended, service
from tests.people import Person, face, person
from tests.pictures import jpeg
from tests.waiting import until


def someone(dev: DevProcess, channel: grpc.aio.Channel) -> Person:
    return person(channel, dev.variables["ME_IMAGES_USER_TOKEN"], dev.variables["ME_IMAGES_USER_ID"])


async def test_the_photo_is_still_there_after_a_restart(tmp_path: Path) -> None:
    photo = jpeg(orientation=6)
    async with dev_running(tmp_path) as dev, grpc.aio.insecure_channel(dev.variables["ME_IMAGES_ADDRESS"]) as channel:
        created = await someone(dev, channel).upload(photo, face("kept"))
        token_before = dev.variables["ME_IMAGES_USER_TOKEN"]
    async with dev_running(tmp_path) as dev, grpc.aio.insecure_channel(dev.variables["ME_IMAGES_ADDRESS"]) as channel:
        me = person(channel, token_before, dev.variables["ME_IMAGES_USER_ID"])
        page = await me.page()
        _, content = await me.download(created.me_image.me_image_id)
    assert [entry.label for entry in page.me_images] == ["kept"]
    assert content == photo


async def test_an_interrupt_stops_everything_it_started(tmp_path: Path) -> None:
    async with dev_running(tmp_path) as dev:
        children = psutil.Process(dev.process.pid).children(recursive=True)
        names = {child.name() for child in children}
        assert {"postgres", "weed"} <= names
        assert await dev.interrupt() == 0
        await until(lambda: not any(child.is_running() for child in children))


async def test_a_second_one_says_where_the_first_one_runs(tmp_path: Path) -> None:
    async with dev_running(tmp_path) as dev:
        status, _, err = await ended(await service("dev", folder=tmp_path))
        assert status == 1
        assert dev.variables["ME_IMAGES_ADDRESS"] in err
        assert "runs already" in err
        assert len(err.splitlines()) == 1


async def test_a_taken_port_is_avoided_and_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 50051))
            other.listen()
        except OSError:
            pass  # somebody else has it already, which is as good
        async with dev_running(tmp_path) as dev:
            assert not dev.variables["ME_IMAGES_ADDRESS"].endswith(":50051")
            assert "port 50051 is taken" in dev.said


async def test_the_secrets_are_closed_to_others(tmp_path: Path) -> None:
    async with dev_running(tmp_path):
        data = tmp_path / ".data"
        secrets = [data / name for name in ("dev.env", "kek", "dev-signing-key.pem", "s3-credentials.json")]
        assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
        assert stat.S_IMODE(data.stat().st_mode) == 0o700


async def test_the_service_token_acts_for_a_user(tmp_path: Path) -> None:
    async with dev_running(tmp_path) as dev, grpc.aio.insecure_channel(dev.variables["ME_IMAGES_ADDRESS"]) as channel:
        backend = person(channel, dev.variables["ME_IMAGES_SERVICE_TOKEN"], "somebody")
        created = await backend.upload(jpeg(), face())
        assert created.me_image.kind == pb.KIND_FACE
