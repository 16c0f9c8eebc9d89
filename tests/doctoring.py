"""An installation whose login has the rights of a server and no more, and what the doctor says of it."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from pydantic import SecretStr

from service.adapters.system import RandomIds
from service.commands import doctor
from service.commands.checks.findings import Finding, Level
from service.config import Settings
from tests.clocks import SetClock
from tests.own_place import Place, own_place


@asynccontextmanager
async def installed(settings: Settings) -> AsyncIterator[Place]:
    """A place whose login has the rights of a server and no more."""
    async with own_place(settings) as own:
        url = urlsplit(own.settings.database_url.get_secret_value())
        login = f"doctor_{uuid.uuid4().hex}"
        await own.stored.database.execute(f"CREATE ROLE {login} LOGIN")
        await own.stored.database.execute(f"GRANT me_images_app TO {login} WITH SET TRUE, INHERIT FALSE")
        netloc = url.netloc.replace(str(url.username), login, 1)
        narrow = {"database_url": SecretStr(url._replace(netloc=netloc).geturl())}
        yield Place(own.settings.model_copy(update=narrow), own.stored)
        await own.stored.database.execute(f"DROP ROLE {login}")


def changed(place: Place, **settings: object) -> Settings:
    return place.settings.model_copy(update=settings)


def as_login(place: Place, login: str) -> SecretStr:
    """The URL of the place's database for another login."""
    url = urlsplit(place.settings.database_url.get_secret_value())
    return SecretStr(url._replace(netloc=url.netloc.replace(str(url.username), login, 1)).geturl())


async def findings(settings: Settings, ahead: timedelta = timedelta()) -> list[Finding]:
    """What the doctor finds when our clock is so far ahead."""
    return [each async for found in doctor.examined(settings, SetClock.ahead(ahead), RandomIds()) for each in found]


async def bad(settings: Settings, ahead: timedelta = timedelta()) -> list[Finding]:
    """What is not well; each with its remedy."""
    found = [each for each in await findings(settings, ahead) if each.level in {Level.WARNING, Level.PROBLEM}]
    assert all(each.remedy for each in found)
    return found


async def the_one(settings: Settings, level: Level, what: str, remedy: str, ahead: timedelta = timedelta()) -> None:
    """One thing is not well, and this is what is said of it."""
    (found,) = await bad(settings, ahead)
    assert (found.level, what in found.what, remedy in found.remedy) == (level, True, True), found
