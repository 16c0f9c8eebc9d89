"""What may be released of a person now."""

from dataclasses import dataclass

from service.domain.errors import InvalidPageToken
from service.domain.model import Kind, UserId
from service.domain.references import ByKind, Selection, place_of, why_not
from service.ports.records import ReferenceRecord
from service.usecases.renditions import DEFAULT_REFERENCE
from service.usecases.tokens import read_token, write_token
from service.usecases.world import World

_HALF = 1 << 63


@dataclass(frozen=True, slots=True)
class ReferenceQuery:
    """Which references to list, and how many; no kinds means all."""

    user_id: UserId
    kinds: tuple[Kind, ...]
    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class ReferencePage:
    """References in the order of a release by kind; none while the person has ``paused`` all use."""

    references: tuple[ReferenceRecord, ...]
    next_page_token: str
    paused: bool


async def list_references(world: World, query: ReferenceQuery) -> ReferencePage:
    """Return a page of what may be released. Raises InvalidPageToken.

    All of a person's references are read for each page: the quota keeps them few.
    """
    bound = ("ListReferences", query.user_id, sorted(query.kinds))
    after = _place_in(bound, query.page_token)
    found = await world.store.references(query.user_id, Selection(by_kind=ByKind(query.kinds)), DEFAULT_REFERENCE)
    offered = [each for each in found.records if why_not(each.candidate, paused=found.paused) is None]
    rest = sorted(
        (each for each in offered if after is None or place_of(each.candidate) > after),
        key=lambda each: place_of(each.candidate),
    )
    shown = tuple(rest[: query.page_size])
    more = len(rest) > query.page_size
    return ReferencePage(shown, _token(bound, place_of(shown[-1].candidate)) if more else "", found.paused)


def _token(bound: tuple[object, ...], place: tuple[int, int, int]) -> str:
    rank, age, order = place
    high, low = divmod(-order, 1 << 64)
    return write_token(bound, rank, age, high - _HALF, low - _HALF)


def _place_in(bound: tuple[object, ...], token: str) -> tuple[int, int, int] | None:
    if not token:
        return None
    numbers = read_token(bound, token, size=4)
    if numbers is None:
        raise InvalidPageToken
    rank, age, high, low = numbers
    return rank, age, -(((high + _HALF) << 64) + low + _HALF)
