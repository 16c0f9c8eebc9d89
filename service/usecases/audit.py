"""Comparing the bucket with the rows, both ways: objects that no row names, and rows whose object is missing.

Both are walked once along their keys, side by side, so that memory is bounded however much there is. The rows are of
one time, and the bucket is read after it: what may have changed meanwhile is looked at again before it is told. It
changes nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from service.domain.erasure import ERASURES
from service.domain.model import UserId
from service.domain.objects import PREFIX
from service.ports.audit import HeldObject, Inventory, NamedObject, Rows
from service.ports.outside import Clock

STEP = 500
"""Keys after which it is told how far it is, and what was found is looked at again."""

_Each = TypeVar("_Each", HeldObject, NamedObject)


class Fault(StrEnum):
    """What is wrong with an object or a certificate of erasure."""

    UNNAMED_OBJECT = "no row names this object"
    MISSING_OBJECT = "missing object of a row"
    UNNAMED_CERTIFICATE = "nobody is erased whom this certificate names"
    MISSING_CERTIFICATE = "missing certificate of an erasure"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong; ``user_id`` where a row says whose it is."""

    fault: Fault
    key: str
    user_id: UserId | None


@dataclass(frozen=True, slots=True)
class Step:
    """How far it is: objects of the bucket and of rows that were passed, and what was found since the last step."""

    held: int
    named: int
    findings: tuple[Finding, ...]


async def audit(rows: Rows, inventory: Inventory, clock: Clock, grace: timedelta) -> AsyncGenerator[Step, None]:
    """Compare, and tell after each step. An object that is younger than ``grace`` may be of an upload under way."""
    walk = _Walk(rows, inventory, clock.now() - grace)
    media = (Fault.UNNAMED_OBJECT, Fault.MISSING_OBJECT)
    async for step in walk.along(PREFIX, rows.media_objects(), _folder, media):
        yield step
    certificates = (Fault.UNNAMED_CERTIFICATE, Fault.MISSING_CERTIFICATE)
    async for step in walk.along(ERASURES, rows.certificates(), lambda key: key, certificates):
        yield step


class _Walk:
    """What was walked past, and what looks wrong since the last step."""

    def __init__(self, rows: Rows, inventory: Inventory, before: datetime) -> None:
        self._rows, self._inventory, self._before = rows, inventory, before
        self._held = self._named = 0
        self._unnamed: list[str] = []
        self._missing: list[NamedObject] = []

    async def along(
        self,
        prefix: str,
        named: AsyncIterator[NamedObject],
        group: Callable[[str], str | None],
        faults: tuple[Fault, Fault],
    ) -> AsyncGenerator[Step, None]:
        """Walk past both, a group at a time."""
        rows, objects = _groups(named, group), _groups(self._inventory.listing(prefix), group)
        row, held = await anext(rows, None), await anext(objects, None)
        walked = 0
        while row or held:
            if held and (not held[0] or row is None or held[0] < row[0]):
                self._compare([], held[1])
                held = await anext(objects, None)
            elif row and (held is None or row[0] < held[0]):
                self._compare(row[1], [])
                row = await anext(rows, None)
            elif row and held:
                self._compare(row[1], held[1])
                row, held = await anext(rows, None), await anext(objects, None)
            if self._held + self._named - walked >= STEP:
                walked = self._held + self._named
                yield await self._step(faults)
        yield await self._step(faults)

    def _compare(self, named: list[NamedObject], held: list[HeldObject]) -> None:
        self._named += len(named)
        self._held += len(held)
        known, there = {each.key for each in named}, {each.key for each in held}
        self._unnamed += [each.key for each in held if each.key not in known and each.modified_at < self._before]
        self._missing += [each for each in named if each.due and each.key not in there]

    async def _step(self, faults: tuple[Fault, Fault]) -> Step:
        """Look again at what looks wrong."""
        named = await self._rows.named_now(self._unnamed) if self._unnamed else set()
        found = [Finding(faults[0], key, None) for key in self._unnamed if key not in named]
        due = await self._rows.due_now(self._missing) if self._missing else set()
        missing = [each for each in self._missing if each.key in due]
        are_there = await asyncio.gather(*(self._inventory.has(each.key) for each in missing))
        found += [
            Finding(faults[1], each.key, each.user_id)
            for each, is_there in zip(missing, are_there, strict=True)
            if not is_there
        ]
        self._unnamed.clear()
        self._missing.clear()
        return Step(self._held, self._named, tuple(found))


async def _groups(
    items: AsyncIterator[_Each], group: Callable[[str], str | None]
) -> AsyncGenerator[tuple[str, list[_Each]], None]:
    """Yield neighbours of one group together; what has no group is one of its own, with an empty name."""
    name, members = "", list[_Each]()
    async for item in items:
        own = group(item.key) or ""
        if members and (own != name or not own):
            yield name, members
            members = []
        name = own
        members.append(item)
    if members:
        yield name, members


def _folder(key: str) -> str | None:
    """Return the media's part of a key, by which both sides are in one order; None for a key that is none of ours.

    Within a media stores differ in where they put a name that another begins with.
    """
    folder = key.removeprefix(PREFIX).partition("/")[0]
    try:
        return folder if str(UUID(folder)) == folder else None
    except ValueError:
        return None
