"""Keys that do not fit are found when a command starts; and new keys are written by a command."""

import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from service.adapters.new_kek import add_kek
from service.config import Settings
from tests.dev_process import dev_running, ended, service
from tests.keyed import Keyed, keyed, seeded_id
from tests.people import person
from tests.pictures import jpeg
from tests.serve_process import variables


@pytest.fixture
async def own(settings: Settings, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with keyed(settings, tmp_path) as database:
        yield database


def line(epoch: int) -> str:
    """Return a line with a key that nobody has used."""
    return f"{epoch} {base64.b64encode(os.urandom(32)).decode()}\n"


async def fails(own: Keyed, folder: Path, *command: str) -> str:
    status, out, err = await ended(await service(*command, folder=folder, **variables(own.settings)))
    assert (status, out) == (1, "")
    assert "Traceback" not in err
    return err


async def test_a_missing_epoch_is_named_at_start_up(own: Keyed, tmp_path: Path) -> None:
    await own.seed(1)
    for epoch in (2, 3):
        add_kek(own.settings.kek_file)
        again = "UPDATE users SET user_id = 'user of ' || $1 WHERE user_id = $2"
        await own.connection.execute(again, str(epoch), seeded_id(0))
        await own.seed(1)
    own.settings.kek_file.write_text(line(4))
    said = "The KEK file lacks epochs 1, 2 and 3, which keys of users are wrapped under; put it back.\n"
    assert await fails(own, tmp_path, "serve") == said
    assert await fails(own, tmp_path, "serve", "--workers", "2") in {said, said * 2}
    assert await fails(own, tmp_path, "upkeep") == said
    assert await fails(own, tmp_path, "rewrap-keys") == said
    assert await own.epochs() == {1: 1, 2: 1, 3: 1}


async def test_another_key_of_the_same_epoch_is_named_at_start_up(own: Keyed, tmp_path: Path) -> None:
    await own.seed(5)
    own.settings.kek_file.write_text(line(1))
    assert "another key for epoch 1 than" in await fails(own, tmp_path, "serve")


async def test_a_damaged_key_stops_no_command(own: Keyed, tmp_path: Path) -> None:
    await own.seed(5)
    first = await own.connection.fetchval("SELECT min(user_id) FROM users")
    damaged = "UPDATE users SET wrapped_key = overlay(wrapped_key PLACING '\\x00' FROM 80) WHERE user_id = $1"
    await own.connection.execute(damaged, first)
    status, _, _ = await ended(await service("upkeep", folder=tmp_path, **variables(own.settings)))
    assert status == 0


async def test_dev_finds_it_too(tmp_path: Path) -> None:
    kek = tmp_path / ".data" / "kek"
    async with dev_running(tmp_path) as dev, grpc.aio.insecure_channel(dev.variables["ME_IMAGES_ADDRESS"]) as channel:
        me = person(channel, dev.variables["ME_IMAGES_USER_TOKEN"], dev.variables["ME_IMAGES_USER_ID"])
        await me.upload(jpeg())
    kek.write_text(line(2))
    status, out, err = await ended(await service("dev", folder=tmp_path))
    assert status == 1
    assert "The KEK file lacks epoch 1, which" in err
    assert "Traceback" not in out + err


async def test_new_kek_writes_an_epoch_and_says_what_to_do(tmp_path: Path) -> None:
    kek = tmp_path / "kek"
    status, out, err = await ended(await service("new-kek", "kek", folder=tmp_path))
    assert (status, err) == (0, "")
    assert "epoch 1" in out
    first = kek.read_text()
    status, out, err = await ended(await service("new-kek", folder=tmp_path, ME_IMAGES_KEK_FILE=str(kek)))
    assert (status, err) == (0, "")
    assert "epochs 1, 2" in out
    assert "rewrap-keys" in out
    assert kek.read_text().startswith(first)
    keys = [each.split()[1] for each in kek.read_text().splitlines()]
    assert len(keys) == 2
    assert not any(key in out for key in keys)


async def test_new_kek_refuses_in_one_sentence(tmp_path: Path) -> None:
    status, out, err = await ended(await service("new-kek", folder=tmp_path))
    assert (status, out, err) == (2, "", "Name a FILE, or set ME_IMAGES_KEK_FILE.\n")
    (tmp_path / "kek").write_text(line(1))
    (tmp_path / "kek").chmod(0o644)
    status, out, err = await ended(await service("new-kek", "kek", folder=tmp_path))
    assert (status, out) == (1, "")
    assert err == "the KEK file is open to other users; close it first: chmod 600\n"
