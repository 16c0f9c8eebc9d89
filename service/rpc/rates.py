"""How often each caller may call: a bucket of tokens for each, written as one number."""

from collections.abc import Callable
from dataclasses import dataclass

from service.domain.errors import RateLimited

MAX_CALLERS = 65_536
"""Beyond it whoever has not called for longest is forgotten, and may call as if it were new."""

ROUNDING_SECONDS = 1e-6


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls at once, and so many a second on average."""

    per_second: float
    burst: int


class Rates:
    """The buckets of one rate. ``seconds`` is a monotonic clock.

    Kept of a caller is when its bucket is full again (the generic cell rate algorithm, ITU-T I.371); a full bucket is
    as good as none. Buckets lie in the order of their last call, so that full ones are at the front.
    """

    def __init__(self, rate: Rate, seconds: Callable[[], float]) -> None:
        self._token = 1 / rate.per_second
        self._depth = (rate.burst - 1) * self._token
        self._seconds = seconds
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def spend(self, caller: str) -> None:
        """Take a token of a caller's. Raises RateLimited, which costs none, and knows when there is one."""
        now = self._seconds()
        full_at = max(self._full_at.get(caller, now), now)
        left = full_at - now - self._depth
        if left > ROUNDING_SECONDS:
            raise RateLimited(left)
        self._full_at.pop(caller, None)
        self._full_at[caller] = full_at + self._token
        self._forget(now)

    def _forget(self, now: float) -> None:
        for _ in range(2):  # more than come, so that they get fewer
            first = next(iter(self._full_at))
            if self._full_at[first] > now and len(self._full_at) <= MAX_CALLERS:
                return
            del self._full_at[first]
