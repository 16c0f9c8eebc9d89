"""What the tests of the SDKs share: a person with a client, and a provider of image models."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import meimage
import pytest
from meimage.retries import Retries
from meimage.tokens import TokenProvider

from service.domain.callers import Scope
from tests.conftest import Served
from tests.people import new_user_id
from tests.sdk.provider import Provider, provider
from tests.tokens import Issuer

Connect = Callable[[TokenProvider], meimage.Client]


async def _no_pause(_: float) -> None:
    return


AT_ONCE = Retries(sleep=_no_pause)
"""As often as always, without waiting."""


@dataclass(frozen=True)
class Somebody:
    """A person, and the client with which they reach their photos."""

    user_id: str
    client: meimage.Client


@pytest.fixture
async def connect(served: Served) -> AsyncIterator[Connect]:
    """Make clients of the running server, closed after the test."""
    async with AsyncExitStack() as clients:

        def made(token: TokenProvider) -> meimage.Client:
            client = meimage.connect(served.address, token, tls=None, retries=AT_ONCE)
            clients.push_async_callback(client.close)
            return client

        yield made


@pytest.fixture
def carol(connect: Connect, issuer: Issuer) -> Somebody:
    """The person whom a test of the SDK is about."""
    user_id = new_user_id()
    return Somebody(user_id, connect(issuer.user(user_id)))


@pytest.fixture
def generator(connect: Connect, issuer: Issuer) -> meimage.Client:
    """A backend that may ask for references."""
    return connect(issuer.service(*Scope))


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with provider() as running:
        yield running
