"""Waiting for what happens elsewhere: bounded, and never longer than needed."""

from collections.abc import Awaitable, Callable

from service.adapters.embedded.waiting import until

SECONDS = 20.0


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = SECONDS) -> None:
    """Return as soon as the condition holds; fail when it does not in time."""
    assert await until(holds, seconds), f"not within {seconds:g} s"
