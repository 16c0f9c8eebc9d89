"""The machine's clock, random ids, chance, and which software this is."""

import random
from datetime import UTC, datetime
from importlib import metadata
from uuid import UUID, uuid4


class SystemClock:
    """Port Clock."""

    def now(self) -> datetime:
        """See Clock."""
        return datetime.now(UTC)


class RandomIds:
    """Port Ids: UUID version 4."""

    def new_id(self) -> UUID:
        """See Ids."""
        return uuid4()


def chance() -> float:
    """Return a number from 0 up to 1; nothing secret comes of it."""
    return random.random()  # noqa: S311 # it spreads retries


def installed_version() -> str:
    """Return the version of this software; empty where it runs from a folder without being installed."""
    try:
        return metadata.version("me-images")
    except metadata.PackageNotFoundError:
        return ""
