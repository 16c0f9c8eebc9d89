"""Waiting for a condition that can only be looked at again and again."""

import asyncio
from collections.abc import Awaitable, Callable

_POLL_SECONDS = 0.03


async def until(holds: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Return True as soon as the condition holds, or False when it did not within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                if await holds():
                    return True
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        return False
