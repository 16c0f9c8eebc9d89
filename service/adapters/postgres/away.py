"""The one place where a driver's failure becomes StorageUnavailable."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import asyncpg

from service.domain.errors import StorageUnavailable

AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
)


@contextmanager
def away_is_unavailable() -> Iterator[None]:
    """Turn what the driver raises when the database is away or too slow into StorageUnavailable."""
    try:
        yield
    except AWAY as error:
        raise_unavailable(error)


def raise_unavailable(error: Exception) -> NoReturn:
    """Raise what a driver's failure is to callers; a ValueError is a fault of ours: arguments that cannot be right."""
    if isinstance(error, ValueError):
        raise error
    raise StorageUnavailable from error
