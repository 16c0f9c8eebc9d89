"""The machine's clock and random ids."""

from datetime import UTC, datetime
from uuid import UUID, uuid4


class SystemClock:
    """Port Clock."""

    def now(self) -> datetime:
        """See Clock."""
        return datetime.now(UTC)


class RandomIds:
    """Port Ids: UUID version 4."""

    def new_id(self) -> UUID:
        """See Ids."""
        return uuid4()
