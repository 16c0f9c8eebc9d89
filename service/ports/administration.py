"""What those ask for who answer for the service: ledgers of everybody, and what waits for upkeep."""

from dataclasses import dataclass

from service.domain.model import UserId
from service.ports.records import LedgerRecord
from service.ports.sealing import WrappedKey


@dataclass(frozen=True, slots=True)
class LedgerPosition:
    """A place among all ledgers: just after this entry."""

    user_id: UserId
    sequence: int


BEFORE_ALL = LedgerPosition(UserId(""), 0)
"""No user's id is empty."""


@dataclass(frozen=True, slots=True)
class HeldEntry:
    """A row of ``ledger``, with its user's key where something of it is sealed."""

    record: LedgerRecord
    wrapped_key: WrappedKey | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """The version of the schema, what waits for upkeep, and how many events are kept."""

    schema_version: int
    condemned_media: int
    unfinished_renditions: int
    due_me_images: int
    events: int
    erased_with_media: int
    certificates_to_file: int


@dataclass(frozen=True, slots=True)
class ErasableUser:
    """What a user has, or of one who is erased the certificate, and whether it was filed in the bucket."""

    wrapped_key: WrappedKey | None
    certificate: str | None
    is_filed: bool
    me_images: int
    media: int
    ledger_entries: int
    ledger_head: bytes | None
