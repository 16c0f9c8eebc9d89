"""Wires to Postgres and to the bucket that hold up a release at one of its steps."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from tests.proxy import Tap

COMMIT = b"Q\0\0\0\x0bCOMMIT\0"
"""As the driver sends it, in a write of its own (PostgreSQL 18, section 54.7, Query)."""


class Step(StrEnum):
    """Where a release can stand."""

    ANY = "whatever is said to the database next"
    MAKE = "a rendition's row is there, its object not yet put"
    MADE = "a rendition's object is put, its row not yet ready"
    FETCH = "the rendition is not yet fetched"
    ENTER = "in the transaction, the ledger's entry not yet sent"
    COMMIT = "the entry is sent, but not COMMIT"
    COMMITTED = "committed, but the server does not know"
    TOLD = "committed, and the server has just been told"


@dataclass
class Hold:
    """Holds up so many connections at a step; what is held never arrives: its connection breaks, at once or later.

    At ANY and TOLD it only counts.
    """

    step: Step
    connections: int
    at_once: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def at(self, step: Step) -> None:
        """A connection is at a step. Raises EOFError once it was held up."""
        if step is not self.step or self.over.is_set():
            return
        self.connections -= 1
        if self.connections <= 0:
            self.reached.set()
        if step not in {Step.ANY, Step.TOLD}:
            if not self.at_once:
                await self.over.wait()
            raise EOFError


@dataclass
class Holding:
    """Makes the taps of both wires; ``hold`` is what is held up now."""

    hold: Hold | None = None

    async def at(self, step: Step) -> None:
        """See Hold."""
        if self.hold is not None:
            await self.hold.at(step)

    def to_database(self) -> Tap:
        """Return a tap of a connection to Postgres."""
        return _ToDatabase(self)

    def to_bucket(self) -> Tap:
        """Return a tap of a connection to the object store."""
        return _ToBucket(self)


@dataclass
class _ToDatabase(Tap):
    holding: Holding
    has_entered: bool = False
    is_committing: bool = False

    async def asked(self, data: bytes) -> None:
        await self.holding.at(Step.ANY)
        if b"REFERENCES_RELEASED" in data:
            await self.holding.at(Step.ENTER)
            self.has_entered = True
        elif self.has_entered and data == COMMIT:
            await self.holding.at(Step.COMMIT)
            self.is_committing = True

    async def answered(self, data: bytes) -> None:  # noqa: ARG002 # when it comes, not what it is
        if self.is_committing:
            await self.holding.at(Step.COMMITTED)
            await self.holding.at(Step.TOLD)
            self.has_entered = self.is_committing = False


@dataclass
class _ToBucket(Tap):
    holding: Holding
    is_putting: bool = False

    async def asked(self, data: bytes) -> None:
        first = data.partition(b"\r\n")[0]
        if b"/jpeg-2048/" in first:
            self.is_putting = first.startswith(b"PUT ")
            await self.holding.at(Step.MAKE if self.is_putting else Step.FETCH)

    async def answered(self, data: bytes) -> None:  # noqa: ARG002 # when it comes, not what it is
        if self.is_putting:
            self.is_putting = False
            await self.holding.at(Step.MADE)
