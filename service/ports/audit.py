"""Objects as the bucket holds them, and as rows name them, to be compared."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.domain.model import UserId


@dataclass(frozen=True, slots=True)
class HeldObject:
    """An object in the bucket."""

    key: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object that a row names; where it is ``due`` it must be there, otherwise it may be."""

    key: str
    user_id: UserId
    due: bool


class Inventory(Protocol):
    """The bucket. Every method raises StorageUnavailable when it does not answer."""

    def listing(self, prefix: str) -> AsyncIterator[HeldObject]:
        """Yield the objects whose keys begin so, in the order of their keys."""
        ...

    async def has(self, key: str) -> bool:
        """Whether an object is there now."""
        ...


class Rows(Protocol):
    """What rows name, as it was at one time, and as it is now. Raises StorageUnavailable."""

    total: int
    """How many objects of media, and certificates, were named."""

    def media_objects(self) -> AsyncIterator[NamedObject]:
        """Yield the objects of all media in the order of their keys, as it was; once."""
        ...

    def certificates(self) -> AsyncIterator[NamedObject]:
        """Yield the certificates of all tombstones in the order of their keys, as it was; once."""
        ...

    async def named_now(self, keys: Collection[str]) -> set[str]:
        """Return which of these objects a row names now."""
        ...

    async def due_now(self, named: Collection[NamedObject]) -> set[str]:
        """Return the keys of those that are due now."""
        ...
