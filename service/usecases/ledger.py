"""Reading a person's ledger."""

from dataclasses import dataclass

from service.domain.errors import InvalidPageToken
from service.domain.ledger import LedgerEntry
from service.domain.model import UserId
from service.usecases.tokens import read_token, write_token
from service.usecases.world import World


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Entries, newest first."""

    entries: tuple[LedgerEntry, ...]
    next_page_token: str


async def list_ledger(world: World, user_id: UserId, page_size: int, page_token: str) -> LedgerPage:
    """Return a page of a person's ledger. Raises InvalidPageToken."""
    query = ("ListLedgerEntries", user_id)
    before = None
    if page_token:
        position = read_token(query, page_token, size=1)
        if position is None:
            raise InvalidPageToken
        (before,) = position
    entries = await world.store.entries(user_id, before, page_size + 1)
    shown = tuple(entries[:page_size])
    more = len(entries) > page_size
    return LedgerPage(shown, write_token(query, shown[-1].sequence) if more else "")
