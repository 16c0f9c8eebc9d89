"""How often a call is made again, and how long to wait before."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from meimage.errors import MeImageError

T = TypeVar("T")

LONGEST_HINT_SECONDS = 300.0
"""No server keeps a client away for longer than this."""


@dataclass(frozen=True)
class Retries:
    """At most ``attempts`` calls, with pauses that double from ``first_seconds`` to ``longest_seconds``.

    Of each pause chance takes away up to a half, so that clients that failed together do not come back together.
    A call waits for up to ``reconnect_seconds`` where the connection was lost and is being made again. A watch that
    hears nothing for ``silence_seconds`` is made again; the server says every 20 s that it is there.
    """

    attempts: int = 4
    first_seconds: float = 0.2
    longest_seconds: float = 5.0
    reconnect_seconds: float = 2.5
    silence_seconds: float = 60.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random

    async def pause(self, failures: int, retry_after: float = 0.0) -> None:
        """Wait after so many failures in a row, the first being 1, and for as long as the server asked to."""
        # Past 30 doublings every pause is the longest one, and no number too large.
        seconds = min(self.longest_seconds, self.first_seconds * 2 ** min(failures - 1, 30))
        # On top, as all who were sent away were told the same.
        await self.sleep(min(retry_after, LONGEST_HINT_SECONDS) + seconds * (1 + self.chance()) / 2)

    async def run(
        self, call: Callable[[], Awaitable[T]], again: Callable[[MeImageError], bool], left: Callable[[], float]
    ) -> T:
        """Make a call, and make it again after errors for which ``again`` says so. Raises the last one.

        So it does at once where the server asks for a longer pause than the seconds that are ``left``.
        """
        for failures in range(1, self.attempts):
            try:
                return await call()
            except MeImageError as error:
                if not again(error) or error.retry_after > left():
                    raise
                retry_after = error.retry_after
            await self.pause(failures, retry_after)
        return await call()
