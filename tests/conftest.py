"""One real Postgres, one real S3 store and one server for the whole run; every test has its own user."""

import random
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import grpc
import hypothesis
import pytest
from minio import Minio
from pydantic import SecretStr

from service.adapters.embedded import EmbeddedStores, embedded_stores
from service.adapters.keks import write_first_kek
from service.adapters.notary import write_signing_key
from service.adapters.postgres.migrate import migrate
from service.config import Settings
from service.wiring import Built, open_server, open_world
from tests.people import Person, new_user_id, person
from tests.stored import Stored
from tests.tokens import AUDIENCE, ISSUER, Issuer

hypothesis.settings.register_profile("suite", deadline=None, print_blob=True)
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the proofs that take minutes run whole; without the option they do a part of the same."""
    parser.addoption(
        "--whole", action="store_true", help="what make prove runs: much, or long, or with packages to fetch"
    )


@dataclass(frozen=True)
class Served:
    """A running server, what it is made of, and a channel to it."""

    settings: Settings
    built: Built
    address: str
    channel: grpc.aio.Channel


Serve = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
async def stores(data_dir: Path) -> AsyncIterator[EmbeddedStores]:
    async with embedded_stores(data_dir) as running:
        yield running


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="session")
async def settings(stores: EmbeddedStores, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a server on a free port, with a database of the newest schema."""
    folder = tmp_path_factory.mktemp("keys")
    write_first_kek(folder / "kek")
    write_signing_key(folder / "signing.pem")
    await migrate(stores.database_url)
    return Settings(
        address="127.0.0.1:0",
        reflection=True,
        database_url=SecretStr(stores.database_url),
        s3_endpoint=stores.s3_endpoint,
        s3_access_key=SecretStr(stores.s3_access_key),
        s3_secret_key=SecretStr(stores.s3_secret_key),
        s3_bucket=stores.s3_bucket,
        s3_secure=stores.s3_secure,
        kek_file=folder / "kek",
        signing_key_file=folder / "signing.pem",
        jwks_file=issuer.write_jwks(folder / "jwks.json"),
        token_issuer=ISSUER,
        token_audience=AUDIENCE,
        upkeep=False,  # tests plant what it would remove
    )


@pytest.fixture(scope="session")
def serve(settings: Settings) -> Serve:
    """Run a server in this process whose settings differ in what is named."""

    @asynccontextmanager
    async def served(**changed: object) -> AsyncIterator[Served]:
        own = settings.model_copy(update=changed)
        async with open_world(own) as built, open_server(own, built) as running:
            address = f"127.0.0.1:{running.port}"
            async with grpc.aio.insecure_channel(address) as channel:
                yield Served(own, built, address, channel)

    return served


@pytest.fixture(scope="session")
async def served(serve: Serve) -> AsyncIterator[Served]:
    async with serve() as running:
        yield running


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of the test's own, to look at what is stored."""
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    yield connection
    await connection.close()


@pytest.fixture
def stored(database: "asyncpg.Connection[asyncpg.Record]", stores: EmbeddedStores) -> Stored:
    """What is stored, looked at past the service."""
    keys = (stores.s3_access_key, stores.s3_secret_key)
    return Stored(database, Minio(stores.s3_endpoint, *keys, secure=False, region="us-east-1"), stores.s3_bucket)


@pytest.fixture
def alice(served: Served, issuer: Issuer) -> Person:
    """The person whom a test is about."""
    user_id = new_user_id()
    return person(served.channel, issuer.user(user_id), user_id)


@pytest.fixture
def bob(served: Served, issuer: Issuer) -> Person:
    """Somebody else."""
    user_id = new_user_id()
    return person(served.channel, issuer.user(user_id), user_id)


@pytest.fixture
def request_id() -> str:
    """An idempotency key."""
    return str(uuid.uuid4())


@pytest.fixture
def seeded() -> random.Random:
    """Chance that can be repeated: a test that fails shows its seed."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")  # noqa: T201 # pytest shows it when the test fails
    return random.Random(seed)  # noqa: S311 # no secret comes of it
