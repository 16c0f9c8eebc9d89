"""Keys move to a new epoch while people read and write, and whatever interrupts it."""

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from service.adapters.new_kek import add_kek
from service.adapters.postgres.database import Database
from service.adapters.postgres.store import PostgresStore
from service.config import Settings
from service.domain.model import UserId
from service.ports.keys import KeySwap
from service.ports.sealing import WrappedKey
from tests.conftest import Serve
from tests.dev_process import ended, service
from tests.keyed import BEGAN, Keyed, keyed, seeded_id
from tests.people import Person, face, new_user_id, person
from tests.pictures import jpeg
from tests.rules import relabel
from tests.serve_process import variables
from tests.tokens import Issuer
from tests.waiting import until

PEOPLE = 3
LONG_SECONDS = 300.0
"""For a machine that is busy with much else."""


@pytest.fixture
def crowd(request: pytest.FixtureRequest) -> int:
    """How many users there are whose keys move."""
    return 100_000 if request.config.getoption("whole") else 10_000


@pytest.fixture
async def own(settings: Settings, tmp_path: Path) -> AsyncIterator[Keyed]:
    async with keyed(settings, tmp_path) as database:
        yield database


@asynccontextmanager
async def store_of(own: Keyed) -> AsyncIterator[PostgresStore]:
    async with Database.connect(own.settings.database_url.get_secret_value(), connections=2) as database:
        yield PostgresStore(database)


class Busy:
    """People who read and write without a pause; the first call that fails fails the test."""

    def __init__(self) -> None:
        self.calls = 0
        self.is_over = False

    async def live(self, who: Person, me_image_id: str, photo: bytes) -> None:
        for number in itertools.count():
            if self.is_over:
                return
            label = f"label {number}"
            await relabel(who, me_image_id, label)
            assert (await who.get(me_image_id)).label == label
            assert [each.label for each in (await who.page()).me_images] == [label]
            assert (await who.download(me_image_id))[1] == photo
            self.calls += 4


async def test_the_keys_of_a_crowd_move_while_calls_go_on_though_it_is_killed_once(
    crowd: int, own: Keyed, serve: Serve, issuer: Issuer, tmp_path: Path
) -> None:
    await own.seed(crowd)
    probes = [seeded_id(number) for number in range(0, crowd, crowd // 50)]
    old_vault = own.vault
    secrets = {user_id: old_vault.unwrap(user_id, await own.key(user_id)).secret for user_id in probes}
    changed = {name: getattr(own.settings, name) for name in ("database_url", "kek_file", "s3_bucket")}
    busy, photo = Busy(), jpeg()
    async with serve(**changed) as served, AsyncExitStack() as stack:
        ids = [new_user_id() for _ in range(PEOPLE)]
        people = [person(served.channel, issuer.user(user_id), user_id) for user_id in ids]
        created = [(await who.upload(photo, face("first"))).me_image.me_image_id for who in people]
        add_kek(own.settings.kek_file)  # the server runs on, and knows nothing of it yet
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for who, me_image_id in zip(people, created, strict=True):
            group.create_task(busy.live(who, me_image_id, photo))

        killed = await service("rewrap-keys", folder=tmp_path, **variables(own.settings))
        await until(lambda: own.has_moved(crowd // 5), LONG_SECONDS)
        killed.kill()
        await killed.communicate()
        await until(own.nobody_rewraps)  # what it had sent may still be done
        left = (await own.epochs())[1]

        before = busy.calls
        again = await service("rewrap-keys", folder=tmp_path, **variables(own.settings))
        status, out, err = await ended(again, LONG_SECONDS)
        assert (status, err) == (0, "")
        assert busy.calls > before
        busy.is_over = True
    assert await own.epochs() == {2: crowd + PEOPLE}
    assert f"moved {left:,} keys to epoch 2" in out
    vault = own.vault
    for user_id, secret in secrets.items():
        assert vault.unwrap(user_id, await own.key(user_id)).secret == secret
    touched = "SELECT count(*) FROM users WHERE revision <> 1 OR created_at <> $1"
    assert await own.connection.fetchval(touched, BEGAN) == PEOPLE


async def test_ctrl_c_ends_it_after_a_batch_and_says_what_is_left(own: Keyed, tmp_path: Path) -> None:
    await own.seed(20_000)
    add_kek(own.settings.kek_file)
    process = await service("rewrap-keys", folder=tmp_path, **variables(own.settings))
    await until(lambda: own.has_moved(1))
    process.send_signal(signal.SIGINT)
    status, out, err = await ended(process)
    epochs = await own.epochs()
    assert (status, err) == (1, "")
    assert epochs[1] + epochs[2] == 20_000
    assert f"epoch 1: {epochs[1]:,} keys left\n" in out
    assert f"epoch 2: {epochs[2]:,} keys\n" in out
    assert "run it again" in out
    status, out, _ = await ended(await service("rewrap-keys", folder=tmp_path, **variables(own.settings)))
    assert (status, await own.epochs()) == (0, {2: 20_000})
    assert "nothing is left" in out
    status, out, _ = await ended(await service("rewrap-keys", folder=tmp_path, **variables(own.settings)))
    assert status == 0
    assert out.startswith("moved 0 keys")


async def test_two_at_once_share_the_work(own: Keyed, tmp_path: Path) -> None:
    await own.seed(3_000)
    add_kek(own.settings.kek_file)
    processes = [await service("rewrap-keys", folder=tmp_path, **variables(own.settings)) for _ in range(2)]
    assert [(await ended(process))[0] for process in processes] == [0, 0]
    assert await own.epochs() == {2: 3_000}


async def test_a_key_that_does_not_open_is_told_of_and_left_as_it_is(own: Keyed, tmp_path: Path) -> None:
    await own.seed(10)
    foreign = await own.key(seeded_id(1))
    taken = "UPDATE users SET wrapped_key = $2 WHERE user_id = $1"
    await own.connection.execute(taken, seeded_id(2), foreign.blob)
    add_kek(own.settings.kek_file)
    status, out, _ = await ended(await service("rewrap-keys", folder=tmp_path, **variables(own.settings)))
    assert (status, await own.epochs()) == (1, {1: 1, 2: 9})
    assert await own.key(seeded_id(2)) == foreign
    assert "1 keys do not open" in out
    assert seeded_id(2) not in out


async def test_a_swap_touches_no_key_that_has_changed_and_waits_for_nobody(own: Keyed) -> None:
    await own.seed(3)
    changed, locked, free = (seeded_id(number) for number in range(3))
    keys = {user_id: await own.key(user_id) for user_id in (changed, locked, free)}
    await own.connection.execute("UPDATE users SET wrapped_key = 'other' WHERE user_id = $1", changed)
    swaps = [KeySwap(user_id, key, WrappedKey(b"fresh")) for user_id, key in keys.items()]
    async with store_of(own) as store:
        async with store.transaction(locked) as tx, asyncio.timeout(5):
            await tx.lock_known_user(locked)
            assert await store.swap_keys(swaps) == 1
        assert [(await own.key(user_id)).blob for user_id in keys] == [b"other", keys[locked].blob, b"fresh"]
        assert await store.swap_keys(swaps) == 1
        assert await own.connection.fetchval("SELECT revision FROM users WHERE user_id = $1", locked) == 2


async def test_epochs_are_told_from_the_keys_themselves(own: Keyed) -> None:
    rows = [(f"high {number}", b"MEI1\x01\xff\xff\xff\xff" + bytes(90)) for number in range(4)]
    rows += [("low", b"MEI1\x01\x00\x01\x02\x03"), ("short", b"MEI1\x01\x00\x00"), ("none", b""), ("other", bytes(99))]
    insert = "INSERT INTO users (user_id, revision, wrapped_key, created_at) VALUES ($1, 1, $2, now())"
    await own.connection.executemany(insert, rows)
    async with store_of(own) as store:
        assert await store.keys_by_epoch() == {0x010203: 1, 2**32 - 1: 4}
        held = await store.some_keys(3)
        assert [(key.user_id, key.epoch) for key in held] == [
            ("low", 0x010203),
            *((UserId(f"high {number}"), 2**32 - 1) for number in range(3)),
        ]
        older = await store.older_keys(2**32 - 1, None, 10)
        assert [key.user_id for key in older] == ["low"]
