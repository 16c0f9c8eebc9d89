"""The database: reads of one statement, and transactions."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from service.domain.model import (
    AiSettings,
    MediaId,
    MeImageId,
    PrimaryRule,
    Rendition,
    RequestId,
    Slot,
    UserId,
)
from service.domain.references import Selection
from service.ports.administration import Backlog, HeldEntry, LedgerPosition
from service.ports.events import EventBatch, EventPosition
from service.ports.keys import HeldKey, KeyPosition, KeySwap
from service.ports.records import (
    LedgerFilter,
    LedgerRecord,
    ListFilter,
    ListPosition,
    MediaRecord,
    MeImageRecord,
    References,
    RenditionRecord,
    RequestRecord,
)
from service.ports.sealing import WrappedKey
from service.ports.transaction import Transaction
from service.ports.upkeep import DueMeImage, StaleMedia, StaleRendition, UnfiledCertificate


class Store(Protocol):
    """The database. Every method raises StorageUnavailable when it does not answer."""

    def transaction(self, user_id: UserId) -> AbstractAsyncContextManager[Transaction]:
        """See and change one user's rows: commit on a clean exit, roll back on any other.

        StorageUnavailable from the exit means: maybe committed.
        """
        ...

    async def user_key(self, user_id: UserId) -> WrappedKey | None:
        """Return the wrapped key of a user; None for a user who is unknown. Raises UserErased."""
        ...

    async def request(self, user_id: UserId, request_id: RequestId) -> RequestRecord | None:
        """Return what was answered to this ``request_id``."""
        ...

    async def media_of_content(self, user_id: UserId, content_digest: bytes) -> MediaRecord | None:
        """Return the ready media with these bytes."""
        ...

    async def media_of_user(self, user_id: UserId) -> list[MediaRecord]:
        """Return all ready media of a user, oldest first."""
        ...

    async def me_image(self, user_id: UserId, me_image_id: MeImageId) -> tuple[WrappedKey, MeImageRecord] | None:
        """Return a me-image, deleted or not, with its user's key."""
        ...

    async def primary(self, user_id: UserId, slot: Slot) -> tuple[WrappedKey, MeImageRecord, PrimaryRule] | None:
        """Return what stands for a slot: its holder; for AVATAR else the FACE_REF holder, else the newest shown."""
        ...

    async def me_images(
        self, user_id: UserId, which: ListFilter, after: ListPosition | None, limit: int
    ) -> tuple[WrappedKey | None, list[MeImageRecord]]:
        """Return me-images, newest first, with their user's key where there is any."""
        ...

    async def rendition(self, user_id: UserId, media_id: MediaId, rendition: Rendition) -> RenditionRecord | None:
        """Return a rendition that is ready."""
        ...

    async def stale_media(
        self, pending_before: datetime, unclaimed_before: datetime, after: StaleMedia | None, limit: int
    ) -> list[StaleMedia]:
        """Return media of all users that upkeep may remove: half-written, unclaimed, or condemned before."""
        ...

    async def stale_renditions(
        self, pending_before: datetime, after: StaleRendition | None, limit: int
    ) -> list[StaleRendition]:
        """Return renditions of all users whose making was never finished."""
        ...

    async def references(self, user_id: UserId, selection: Selection, rendition: Rendition) -> References:
        """Return the person's me-images that a selection names, deleted and not opted in ones too.

        Raises UserErased.
        """
        ...

    async def ai_settings(self, user_id: UserId) -> AiSettings:
        """Return the user's settings; the defaults for a user who is unknown. Raises UserErased."""
        ...

    async def entries(self, user_id: UserId, which: LedgerFilter, before: int | None, limit: int) -> list[LedgerRecord]:
        """Return entries of the user's ledger, newest first, those below a sequence number."""
        ...

    async def events(self, user_id: UserId, after: EventPosition, limit: int) -> EventBatch:
        """Return events of a user, in order and without a gap."""
        ...

    async def events_of_all(self, after: EventPosition, limit: int) -> EventBatch:
        """Return events of all users, in order and without a gap; those of one user in that user's order."""
        ...

    async def newest_position(self) -> EventPosition:
        """Return a position that has everything final before it."""
        ...

    async def due_me_images(self, now: datetime, after: DueMeImage | None, limit: int) -> list[DueMeImage]:
        """Return deleted me-images of all users whose time to be removed has come."""
        ...

    async def forget_events(self, before: datetime, limit: int) -> int:
        """Remove events that are older; return how many."""
        ...

    async def forget_requests(self, before: datetime, limit: int) -> int:
        """Remove kept answers that are older; return how many."""
        ...

    async def ledger_page(self, user_id: UserId | None, after: LedgerPosition, limit: int) -> list[HeldEntry]:
        """Return entries of the user's ledger, or of all, in the order of users and then of sequence numbers."""
        ...

    async def certificates_to_file(self, after: UnfiledCertificate | None, limit: int) -> list[UnfiledCertificate]:
        """Return certificates of erasure that were not put into the bucket yet."""
        ...

    async def erased_users(self) -> list[UserId]:
        """Return everybody who is erased."""
        ...

    async def backlog(self, now: datetime, most: int) -> Backlog:
        """Return what waits for upkeep, counting up to ``most`` of each."""
        ...

    async def some_keys(self, limit: int) -> list[HeldKey]:
        """Return up to ``limit`` users' keys of each epoch that is in use, in the order of the epochs."""
        ...

    async def keys_by_epoch(self) -> dict[int, int]:
        """Return how many users' keys are wrapped under each epoch."""
        ...

    async def older_keys(self, epoch: int, after: KeyPosition | None, limit: int) -> list[HeldKey]:
        """Return users' keys under epochs before this one, in order, those after a position."""
        ...

    async def swap_keys(self, swaps: Sequence[KeySwap]) -> int:
        """Replace the keys that are still as they were, and whose user nobody is changing; return how many."""
        ...

    async def ping(self) -> None:
        """Return when the database answers."""
        ...
