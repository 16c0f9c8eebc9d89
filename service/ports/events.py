"""Reading the outbox, and being woken when there may be something new."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from service.domain.events import Event
from service.domain.model import UserId


@dataclass(frozen=True, slots=True, order=True)
class EventPosition:
    """A place in the order in which events are told: just after this one."""

    transaction_id: int
    ordinal: int


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events with their positions, in order; ``more_to_come`` says that waiting for a wake-up would be wrong."""

    events: tuple[tuple[EventPosition, Event], ...]
    more_to_come: bool


class Ears(Protocol):
    """One watcher's ears. A ring between ``clear`` and ``wait`` is not missed."""

    def clear(self) -> None:
        """Forget earlier rings; to be called before looking."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return at a ring since ``clear``; after ``seconds`` in any case."""
        ...


class Bell(Protocol):
    """Wakes whoever watches. It may ring for nothing, and it may be late: nobody relies on it to lose nothing."""

    def listen(self, user_id: UserId | None) -> AbstractContextManager[Ears]:
        """Listen for what happens to a user, or to anybody."""
        ...
