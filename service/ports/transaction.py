"""One unit of work in the database, as a value."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from service.domain.events import Event
from service.domain.ledger import LedgerHead
from service.domain.model import (
    AiSettings,
    MediaId,
    MeImageId,
    Rendition,
    RequestId,
    Slot,
    UserId,
)
from service.domain.references import Selection
from service.ports.administration import ErasableUser
from service.ports.records import (
    LedgerRecord,
    LockedReferences,
    LockedUser,
    MediaRecord,
    MeImageRecord,
    NewMeImageRecord,
    RenditionRecord,
    RequestRecord,
)
from service.ports.sealing import WrappedKey


class Transaction(Protocol):
    """One unit of work. Every mutation first locks its user; all methods but that one need the lock.

    Locking a user who is erased raises UserErased. What upkeep and an erasure do needs no user's key, and so none of
    these locks: a transaction is the only one of its user anyway.
    """

    async def lock_user(self, user_id: UserId, fresh_key: WrappedKey, at: datetime) -> LockedUser:
        """Lock the user and advance the revision; a user who is new gets ``fresh_key``."""
        ...

    async def lock_known_user(self, user_id: UserId) -> LockedUser | None:
        """The same for a user who must exist already; None where there is none."""
        ...

    async def lock_me_image(
        self, user_id: UserId, me_image_id: MeImageId
    ) -> tuple[LockedUser, MeImageRecord | None] | None:
        """Lock a user who must exist already and return a me-image, deleted or not; None where there is none."""
        ...

    async def lock_references(
        self, user_id: UserId, selection: Selection, rendition: Rendition
    ) -> LockedReferences | None:
        """Lock a user who must exist already and return what a selection names, and where the ledger stands.

        None where there is no such user.
        """
        ...

    async def request(self, user_id: UserId, request_id: RequestId) -> RequestRecord | None:
        """Return what was answered to this ``request_id`` before."""
        ...

    async def add_request(self, user_id: UserId, request: RequestRecord) -> None:
        """Keep an answer for retries."""
        ...

    async def add_pending_media(
        self,
        user_id: UserId,
        media: MediaRecord,
        content_digest: bytes,
        renditions: Sequence[RenditionRecord],
    ) -> None:
        """Record a media and its renditions before any of their objects is put."""
        ...

    async def mark_media_ready(self, user_id: UserId, media_id: MediaId) -> MediaRecord | None:
        """Say that all objects are put; None when upkeep has condemned the media meanwhile."""
        ...

    async def keep_unclaimed(self, user_id: UserId, media_id: MediaId, at: datetime) -> None:
        """Let the time of a media that no me-image uses begin anew."""
        ...

    async def media(self, user_id: UserId, media_id: MediaId) -> MediaRecord | None:
        """Return a media that is ready."""
        ...

    async def media_of_content(self, user_id: UserId, content_digest: bytes) -> MediaRecord | None:
        """Return the ready media with these bytes."""
        ...

    async def add_me_image(self, user: LockedUser, me_image: NewMeImageRecord) -> None:
        """Insert a me-image with the user's revision."""
        ...

    async def me_image(self, user_id: UserId, me_image_id: MeImageId) -> tuple[WrappedKey, MeImageRecord] | None:
        """Return a me-image, deleted or not, as this transaction sees it."""
        ...

    async def count_me_images(self, user_id: UserId) -> int:
        """Return how many me-images the user has, deleted ones included."""
        ...

    async def change_me_image(self, user: LockedUser, me_image: MeImageRecord, at: datetime) -> MeImageRecord:
        """Store kind, usage, text and deletion of a me-image, with the user's revision; return it as it is now."""
        ...

    async def remove_me_image(self, user_id: UserId, me_image_id: MeImageId, at: datetime) -> None:
        """Remove the row of a me-image, and condemn its media unless another me-image uses it."""
        ...

    async def holders(self, user_id: UserId) -> dict[Slot, MeImageId]:
        """Return who holds which slot."""
        ...

    async def claim_slots(
        self, user: LockedUser, slots: Sequence[Slot], me_image_id: MeImageId, at: datetime
    ) -> dict[Slot, MeImageId]:
        """Make the me-image the holder of these slots, and return who held them before.

        All of them get the user's revision.
        """
        ...

    async def empty_slots(self, user_id: UserId, slots: Sequence[Slot]) -> None:
        """Let nobody hold these slots."""
        ...

    async def touch(self, user: LockedUser, me_image_ids: Sequence[MeImageId], at: datetime) -> None:
        """Give me-images that lost slots the user's revision."""
        ...

    async def ai_settings(self, user_id: UserId) -> AiSettings:
        """Return the user's settings."""
        ...

    async def switch_references(self, user_id: UserId, settings: AiSettings) -> None:
        """Store the user's settings."""
        ...

    async def ended_consents(
        self, user_id: UserId, since: int, me_image_ids: Sequence[MeImageId]
    ) -> tuple[set[MeImageId], bool]:
        """Return whose consent was withdrawn after an entry of the ledger, and whether all use was paused."""
        ...

    async def ledger_head(self, user_id: UserId) -> LedgerHead:
        """Return where the user's ledger stands."""
        ...

    async def add_entry(self, entry: LedgerRecord) -> None:
        """Append to the user's ledger."""
        ...

    async def add_events(self, user_id: UserId, events: Sequence[Event]) -> None:
        """Put the events of this change, all of them at once, into the outbox, and wake who watches."""
        ...

    async def condemn_media(
        self, user_id: UserId, media_id: MediaId, pending_before: datetime, unclaimed_before: datetime
    ) -> list[str] | None:
        """Put a media out of reach for good, return its renditions' variants; None when it is in use or too young.

        A rendition that is being made keeps its media, too.
        """
        ...

    async def add_pending_rendition(
        self, user_id: UserId, media_id: MediaId, rendition: RenditionRecord, at: datetime
    ) -> bool:
        """Record a rendition before its object is put; False when the media is not there any more."""
        ...

    async def mark_rendition_ready(
        self, user_id: UserId, media_id: MediaId, rendition: RenditionRecord
    ) -> RenditionRecord | None:
        """Return the rendition that is ready, another making's or else this one; None when upkeep has condemned it."""
        ...

    async def condemn_rendition(
        self, user_id: UserId, media_id: MediaId, variant: str, pending_before: datetime
    ) -> bool:
        """Put a rendition whose making was never finished out of reach; False when it is ready or too young."""
        ...

    async def forget_rendition(self, user_id: UserId, media_id: MediaId, variant: str) -> None:
        """Remove the row of a condemned rendition, once its object is gone."""
        ...

    async def forget_media(self, user_id: UserId, media_id: MediaId) -> None:
        """Remove the rows of a condemned media, once its objects are gone."""
        ...

    async def erasable_user(self, user_id: UserId) -> ErasableUser:
        """Return what there is of a user, known or not."""
        ...

    async def erase_user(self, user_id: UserId, at: datetime, certificate: str) -> int:
        """Destroy a user's key and remove everything of theirs, but a tombstone; return its revision.

        Media go out of reach at once, and their rows with their objects.
        """
        ...

    async def certificate_filed(self, user_id: UserId, at: datetime) -> None:
        """Note that an erased user's certificate lies in the bucket."""
        ...
