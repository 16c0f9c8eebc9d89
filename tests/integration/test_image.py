"""The image's steps give a server that answers, for a user without rights, in folders that were empty.

It needs the package registry, unlike any other test, and so is left to `make prove`.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest

from service.adapters.embedded.children import EmbeddedStoreError, run, running
from service.adapters.embedded.database import connect_as_superuser
from service.config import Settings
from tests.image import Image, stages
from tests.people import face, new_user_id, person
from tests.pictures import jpeg
from tests.serve_process import free_port, variables
from tests.tokens import Issuer
from tests.waiting import until

BUILD_SECONDS = 600.0


@pytest.fixture
def image(request: pytest.FixtureRequest) -> Iterator[Image]:
    if not request.config.getoption("whole"):
        pytest.skip("the image's steps fetch packages: make prove runs them")
    with tempfile.TemporaryDirectory(prefix="me-images-") as folder:
        Path(folder).chmod(0o755)
        yield Image.empty(Path(folder) / "image")


async def admit(image: Image, settings: Settings, data_dir: Path) -> None:
    """Let the image's user log in to the tests' database, which admits none but the user of the tests."""
    if image.user.uid == os.geteuid():
        return
    with (data_dir / "postgres" / "pg_ident.conf").open("a") as file:
        file.write('ourselves "nobody" all\n')
    host = settings.database_url.get_secret_value().split("host=")[1].split("&")[0]
    connection = await connect_as_superuser(Path(host))
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


async def build(image: Image) -> None:
    """Do what the first stage says, and leave what the second takes."""
    for number, step in enumerate(stages()[0]):
        if step.instruction == "COPY":
            image.copy(step.argument)
        elif step.instruction == "RUN":
            await run(image.program(f"step-{number}", image.moved(step.argument), "/src"), BUILD_SECONDS)
        else:
            assert (step.instruction, step.argument) in {("FROM", "python:3.11-slim AS build"), ("WORKDIR", "/src")}


async def test_it_serves(image: Image, settings: Settings, issuer: Issuer, data_dir: Path) -> None:
    await admit(image, settings, data_dir)
    await build(image)
    assert not list((image.root / "app" / "bin").glob("pip*"))
    last = {step.instruction: step.argument for step in stages()[1]}
    assert last["COPY"] == "--from=build /app /app"
    assert last["USER"] not in {"0", "0:0", "root"}
    address = f"127.0.0.1:{free_port()}"
    own = variables(settings.model_copy(update={"address": address})) | {"PYTHONDONTWRITEBYTECODE": "1"}
    own["PATH"] = image.moved("/app/bin") + ":/usr/bin:/bin"
    command = " ".join([*json.loads(last["ENTRYPOINT"]), *json.loads(last["CMD"])])
    probe = " ".join(json.loads(last["HEALTHCHECK"].split("CMD ")[1]))
    async with running(image.program("server", f"exec {command}", last["WORKDIR"], **own)) as server:

        async def healthy() -> bool:
            assert server.returncode is None, (image.root.parent / "server.log").read_text()
            try:
                await run(image.program("probe", f"exec {probe}", last["WORKDIR"], **own), 20.0)
            except EmbeddedStoreError:
                return False
            return True

        await until(healthy, 60)
        assert psutil.Process(server.pid).uids().effective == image.user.uid != 0
        user_id = new_user_id()
        async with grpc.aio.insecure_channel(address) as channel:
            me, photo = person(channel, issuer.user(user_id), user_id), jpeg()
            made = (await me.upload(photo, face())).me_image
            _, back = await me.download(made.me_image_id)
    assert back == photo
    assert server.returncode == 0
