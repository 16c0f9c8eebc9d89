"""A backup is taken, a person erased, the backup restored, `replay-erasures` run: nothing of them is readable."""

import io
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from meimage.v1 import me_image_pb2 as pb
from pydantic import SecretStr

from service.adapters.notary import write_signing_key
from service.config import Settings
from service.domain.erasure import erasure_key
from service.domain.model import UserId
from service.usecases.replay import ErasuresForgotten, require_erasures
from tests import pictures
from tests.admins import office
from tests.conftest import Serve, Served
from tests.dev_process import ended, service
from tests.people import Person, new_user_id, person, refused
from tests.releases import opted_in, studio
from tests.rpc.calls import METHODS, Target, said
from tests.serve_process import variables
from tests.stored import Stored
from tests.tokens import Issuer

ERASED = ("FAILED_PRECONDITION", "USER_ERASED")


@dataclass(frozen=True)
class Place:
    """A database and a bucket of the test's own, and a backup of the database."""

    settings: Settings
    database: "asyncpg.Connection[asyncpg.Record]"
    name: str

    @asynccontextmanager
    async def serving(self, serve: Serve) -> AsyncIterator[Served]:
        """Serve from here."""
        async with serve(database_url=self.settings.database_url, s3_bucket=self.settings.s3_bucket) as running:
            yield running

    async def back_up(self) -> None:
        """Take a backup; nobody serves meanwhile."""
        await self.database.execute(f"CREATE DATABASE {self.name}_backup TEMPLATE {self.name}")

    async def restore(self) -> None:
        """Put the backup in place of the database."""
        await self.database.execute(f"DROP DATABASE {self.name} WITH (FORCE)")
        await self.database.execute(f"CREATE DATABASE {self.name} TEMPLATE {self.name}_backup")

    async def command(self, name: str, folder: Path, **changed: str) -> tuple[int | None, str, str]:
        """Run a command of the service here."""
        return await ended(await service(name, folder=folder, **(variables(self.settings) | changed)))


@pytest.fixture
async def place(
    settings: Settings, database: "asyncpg.Connection[asyncpg.Record]", tmp_path: Path
) -> AsyncIterator[Place]:
    name = f"erasing_{uuid.uuid4().hex}"
    await database.execute(f"CREATE DATABASE {name}")
    url = urlunsplit(urlsplit(settings.database_url.get_secret_value())._replace(path=f"/{name}"))
    own = settings.model_copy(update={"database_url": SecretStr(url), "s3_bucket": name.replace("_", "-")})
    here = Place(own, database, name)
    assert (await here.command("migrate", tmp_path))[0] == 0
    yield here
    for each in (name, f"{name}_backup"):
        await database.execute(f"DROP DATABASE IF EXISTS {each} WITH (FORCE)")


def somebody(served: Served, issuer: Issuer, user_id: str) -> Person:
    return person(served.channel, issuer.user(user_id), user_id)


async def test_who_was_erased_stays_erased(place: Place, serve: Serve, issuer: Issuer, tmp_path: Path) -> None:
    ada, bob, later = new_user_id(), new_user_id(), new_user_id()
    async with place.serving(serve) as running:
        hers = (await somebody(running, issuer, ada).upload(pictures.png(), opted_in())).me_image
        his = (await somebody(running, issuer, bob).upload(pictures.png(), opted_in())).me_image
    await place.back_up()
    async with place.serving(serve) as running:
        await somebody(running, issuer, later).upload(pictures.png(), opted_in())
        certificates = {user_id: await office(running, issuer).erase(user_id) for user_id in (ada, later)}
    await place.restore()
    status, _, err = await place.command("serve", tmp_path)
    assert (status, len(err.splitlines())) == (1, 1), err
    assert "2 people were erased" in err
    assert "replay-erasures" in err
    status, out, err = await place.command("replay-erasures", tmp_path)
    assert (status, out) == (0, "read 2 certificates, erased 2 people again\n"), err
    assert await place.command("replay-erasures", tmp_path) == (0, "read 2 certificates, erased 0 people again\n", err)
    async with place.serving(serve) as running:
        await nothing_is_readable(running, issuer, ada, hers)
        for user_id, certificate in certificates.items():
            assert await office(running, issuer).erase(user_id) == certificate
        assert (await somebody(running, issuer, bob).download(his.me_image_id))[1] == pictures.png()
        await require_erasures(running.built.world)
        assert (await studio(running, issuer).release(somebody(running, issuer, bob), his.me_image_id)).images


async def nothing_is_readable(running: Served, issuer: Issuer, user_id: str, me_image: pb.MeImage) -> None:
    target = Target(user_id, me_image.me_image_id, me_image.media.media_id)
    for method in METHODS:
        call = METHODS[method](somebody(running, issuer, user_id), target)
        assert (method, said(await refused(call))) == (method, ERASED)
    release = studio(running, issuer).release(somebody(running, issuer, user_id), me_image.me_image_id)
    assert said(await refused(release)) == ERASED


async def test_erased_again_before_the_replay_it_is_the_first_certificate(
    place: Place, serve: Serve, issuer: Issuer, tmp_path: Path
) -> None:
    ada = new_user_id()
    async with place.serving(serve) as running:
        await somebody(running, issuer, ada).upload(pictures.png(), opted_in())
    await place.back_up()
    async with place.serving(serve) as running:
        certificate = await office(running, issuer).erase(ada)
    await place.restore()
    async with place.serving(serve) as running:
        assert await office(running, issuer).erase(ada) == certificate
    assert (await place.command("replay-erasures", tmp_path))[:2] == (
        0,
        "read 1 certificates, erased 0 people again\n",
    )


async def test_a_forged_certificate_erases_nobody_and_is_named(
    place: Place, serve: Serve, issuer: Issuer, stored: Stored, tmp_path: Path
) -> None:
    ada, bob = new_user_id(), new_user_id()
    async with place.serving(serve) as running:
        hers = (await somebody(running, issuer, ada).upload(pictures.png(), opted_in())).me_image
        await office(running, issuer).erase(bob)
        bucket = place.settings.s3_bucket
        answer = stored.client.get_object(bucket, erasure_key(UserId(bob)))
        genuine = answer.read()
        answer.close()
        answer.release_conn()
        forged = genuine.replace(bob.encode(), ada.encode())
        for content in (forged, genuine, b"{}"):
            stored.client.put_object(bucket, erasure_key(UserId(ada)), io.BytesIO(content), len(content))
            status, out, _ = await place.command("replay-erasures", tmp_path)
            assert status == 1
            assert f"not trusted: {erasure_key(UserId(ada))}" in out
        assert (await somebody(running, issuer, ada).get(hers.me_image_id)) == hers
        await require_erasures(running.built.world)
        with pytest.raises(ErasuresForgotten):
            await require_erasures(replace(running.built.world, notary=None))
        write_signing_key(tmp_path / "another.pem")
        changed = {"ME_IMAGES_SIGNING_KEY_FILE": str(tmp_path / "another.pem")}
        status, out, _ = await place.command("replay-erasures", tmp_path, **changed)
        assert (status, out.count("not trusted")) == (1, 2)


async def test_without_a_signing_key_nothing_is_replayed(place: Place, tmp_path: Path) -> None:
    status, _, err = await place.command("replay-erasures", tmp_path, ME_IMAGES_SIGNING_KEY_FILE=str(tmp_path / "none"))
    assert status == 1
    assert "ME_IMAGES_SIGNING_KEY_FILE cannot be read" in err
    assert "Traceback" not in err
