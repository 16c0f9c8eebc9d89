"""Metrics while Postgres is away: told quickly, without what only Postgres knows."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from service.adapters import metrics_standing
from service.config import Settings
from tests.conftest import Serve
from tests.proxy import Tap, Wire, socket_of, through, wire_to
from tests.scraping import scrape
from tests.serve_process import free_port
from tests.waiting import until

QUICK_SECONDS = 3.0
"""Far below Prometheus' own patience of ten; most of it is for a busy machine."""
Away = Callable[[Wire, asyncio.Event], AbstractAsyncContextManager[None]]
STANDING = {"me_images_outbox_lag_seconds", "me_images_upkeep_backlog_rows", "me_images_key_epoch_in_use"}


@dataclass
class Hold(Tap):
    """Holds up what is asked, for as long as ``flowing`` is not set."""

    flowing: asyncio.Event = field(default_factory=asyncio.Event)

    async def asked(self, data: bytes) -> None:  # noqa: ARG002 # whatever it is, it waits
        await self.flowing.wait()


@asynccontextmanager
async def cut(wire: Wire, _: asyncio.Event) -> AsyncIterator[None]:
    await wire.cut()
    yield
    await wire.join()


@asynccontextmanager
async def held(_: Wire, flowing: asyncio.Event) -> AsyncIterator[None]:
    flowing.clear()
    yield
    flowing.set()


@pytest.mark.parametrize("away", [cut, held])
async def test_a_scrape_does_not_wait_for_a_database_that_is_away(
    settings: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch, away: Away
) -> None:
    monkeypatch.setattr(metrics_standing, "KEEP_SECONDS", 0.0)
    url, address, flowing = settings.database_url.get_secret_value(), f"127.0.0.1:{free_port()}", asyncio.Event()
    flowing.set()
    async with (
        wire_to(socket_of(url), lambda: Hold(flowing)) as wire,
        serve(database_url=SecretStr(through(url, wire)), metrics_address=address),
    ):

        async def everything_is_known() -> bool:
            page = await scrape(address)
            return set(page.by("what", "me_images_standing_known").values()) == {1} and page.names >= STANDING

        await until(everything_is_known)
        async with away(wire, flowing):
            for _ in range(3):
                async with asyncio.timeout(QUICK_SECONDS):
                    page = await scrape(address)
                assert set(page.by("what", "me_images_standing_known").values()) == {0}
                assert not page.names & STANDING
                assert page.value("me_images_decoders") > 0
        await until(everything_is_known)
