"""Proving a ledger: every hash computed again, by the rule in ledger.proto."""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meimage.v1.ledger_pb2 import LedgerEntry, LedgerKind
from meimage.v1.me_image_pb2 import Rendition
from meimage.v1.me_image_service_pb2 import ListLedgerEntriesRequest

if TYPE_CHECKING:
    from meimage.v1.me_image_service_pb2_grpc import MeImageServiceAsyncStub

NO_HASH = "0" * 64
"""What the first entry has as the hash of the one before; the head of an empty ledger."""
_PAGE = 200


class LedgerBroken(Exception):
    """A ledger is not what was once written: an entry was changed, left out or put in at ``sequence``."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"The ledger is broken at entry {sequence}.")
        self.sequence = sequence


@dataclass(frozen=True)
class VerifiedLedger:
    """An unbroken ledger: how many entries, and the hash of the newest, which stands for all of them."""

    entries: int
    head_hash: str


def verify_entries(user_id: str, entries: Iterable[LedgerEntry]) -> VerifiedLedger:
    """Prove entries, the oldest first, all of them from the first on. Raises LedgerBroken."""
    head, count = NO_HASH, 0
    for count, entry in enumerate(entries, start=1):
        says = (entry.user_id, entry.sequence, entry.previous_hash, entry.hash)
        if says != (user_id, count, head, hash_of(entry)):
            raise LedgerBroken(count)
        head = entry.hash
    return VerifiedLedger(count, head)


async def all_entries(pool: "MeImageServiceAsyncStub", user_id: str) -> list[LedgerEntry]:
    """Return a person's whole ledger, the oldest entry first."""
    request, entries = ListLedgerEntriesRequest(user_id=user_id, page_size=_PAGE), list[LedgerEntry]()
    while True:
        page = await pool.ListLedgerEntries(request)
        entries += page.entries
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return entries[::-1]


def hash_of(entry: LedgerEntry) -> str:
    """Return the hash that the rule gives an entry; empty where the entry cannot have one."""
    try:
        parts = [part if isinstance(part, bytes) else part.encode() for part in _parts(entry)]
    except ValueError:
        return ""
    return hashlib.sha256(b"".join(struct.pack(">I", len(part)) + part for part in parts)).hexdigest()


def _parts(entry: LedgerEntry) -> Iterator[str | bytes]:
    yield "meimage/ledger/1"
    yield bytes.fromhex(entry.previous_hash)
    yield entry.user_id
    yield str(entry.sequence)
    yield LedgerKind.Name(entry.kind).removeprefix("LEDGER_KIND_")
    yield str(entry.time.seconds * 1_000_000 + entry.time.nanos // 1000)
    yield entry.caller
    yield entry.me_image_id
    if entry.HasField("release"):
        yield from (entry.release.release_id, entry.release.generator, entry.release.purpose)
        for image in entry.release.images:
            rendition = Rendition.Name(image.rendition).removeprefix("RENDITION_")
            yield from (image.me_image_id, rendition.lower().replace("_", "-"), image.sha256)
