"""Waiting for what must come, with an end."""

import asyncio
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.02


async def until(condition: Callable[[], bool] | Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Return when the condition holds; fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(POLL_SECONDS)
