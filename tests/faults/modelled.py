"""A person as the model has them, and the world that the model is compared with."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg

from tests.conftest import Served
from tests.invariants import Pool
from tests.people import Person, new_user_id, person
from tests.tokens import Issuer

Answer = TypeVar("Answer")
Call = Callable[[str], Coroutine[Any, Any, object]]
"""What one does under a request_id."""


@dataclass
class Surroundings:
    """What the machine needs of the world, whose event loop runs in another thread."""

    loop: asyncio.AbstractEventLoop
    served: Served
    issuer: Issuer
    database: "asyncpg.Connection[asyncpg.Record]"

    def run(self, call: Coroutine[Any, Any, Answer]) -> Answer:
        """Wait for a call."""
        return asyncio.run_coroutine_threadsafe(call, self.loop).result(30)

    def newcomer(self) -> "Modelled":
        """Return a person whom nobody knows yet."""
        user_id = new_user_id()
        return Modelled(person(self.served.channel, self.issuer.user(user_id), user_id))


@dataclass
class Modelled:
    """A person, what the pool must be, the labels in it, and the last call that changed it."""

    who: Person
    pool: Pool = field(default_factory=Pool)
    labels: dict[str, str] = field(default_factory=dict)
    last: tuple[Call, str, object] | None = None

    def one(self, choice: int) -> str:
        """Choose a me-image; one that is not there where there is none."""
        known = sorted(self.pool.kinds, key=list(self.labels).index)
        return known[choice % len(known)] if known else str(uuid.UUID(int=choice))
