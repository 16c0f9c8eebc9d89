"""What waits for upkeep, whose turn it is to run it, and who is told."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.domain.model import MediaId, MeImageId, UserId


@dataclass(frozen=True, slots=True)
class DueMeImage:
    """A deleted me-image whose time has come, in their order: by time, then by user and id."""

    at: datetime
    user_id: UserId
    me_image_id: MeImageId


@dataclass(frozen=True, slots=True)
class StaleMedia:
    """A media that may go, in their order: by the time since when it is idle, then by user and id."""

    at: datetime
    user_id: UserId
    media_id: MediaId


@dataclass(frozen=True, slots=True)
class StaleRendition:
    """A rendition whose making was never finished, in their order: by time, then by user, media and variant."""

    at: datetime
    user_id: UserId
    media_id: MediaId
    variant: str


@dataclass(frozen=True, slots=True)
class UnfiledCertificate:
    """A certificate of erasure that is not in the bucket yet, in their order: by time, then by user."""

    at: datetime
    user_id: UserId
    certificate: str


class Turn(Protocol):
    """The right to run upkeep, as long as nobody else may have it."""

    @property
    def is_lost(self) -> bool:
        """Whether somebody else may have it now."""
        ...


class Turns(Protocol):
    """Gives one turn at a time, to all processes on one database together."""

    def taken(self) -> AbstractAsyncContextManager[Turn | None]:
        """Have the turn while the block runs; None when another process has it. Raises StorageUnavailable."""
        ...


class UpkeepObserver(Protocol):
    """Is told what upkeep does, as it happens; raises nothing."""

    def removed(self, what: str, count: int) -> None:
        """Rows of a table went, or objects, or certificates were filed."""
        ...

    def failed(self, what: str, fault: Exception) -> None:
        """One thing of a sweep could not go; the sweep goes on."""
        ...


class Unwatched:
    """An UpkeepObserver for runs that nobody counts."""

    def removed(self, what: str, count: int) -> None:
        """See UpkeepObserver."""

    def failed(self, what: str, fault: Exception) -> None:
        """See UpkeepObserver."""
