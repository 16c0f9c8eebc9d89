"""Waiting for what happens elsewhere: bounded, and never longer than needed."""

from collections.abc import Awaitable, Callable

from service.adapters.embedded import waiting

SECONDS = 20.0


async def until(holds: Callable[[], bool] | Callable[[], Awaitable[bool]], seconds: float = SECONDS) -> None:
    """Return as soon as the condition holds; fail when it does not in time."""

    async def answer() -> bool:
        now = holds()
        return now if isinstance(now, bool) else await now

    assert await waiting.until(answer, seconds), f"not within {seconds:g} s"
