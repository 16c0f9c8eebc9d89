"""Time that tests set."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class SetClock:
    """Port Clock that stands still until it is moved."""

    at: datetime

    @classmethod
    def ahead(cls, by: timedelta = timedelta()) -> "SetClock":
        """Return a clock that stands so far ahead of the real time."""
        return cls(datetime.now(UTC) + by)

    def now(self) -> datetime:
        """See Clock."""
        return self.at

    def move(self, by: timedelta) -> None:
        """Let time pass."""
        self.at += by
