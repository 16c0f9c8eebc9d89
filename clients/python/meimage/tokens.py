"""Where the bearer token of a call comes from."""

import inspect
from collections.abc import Awaitable, Callable

TokenProvider = str | Callable[[], str | Awaitable[str]]
"""A token, or a function, asynchronous or not, that is asked for one before every call."""


async def authorization(token: TokenProvider) -> tuple[str, str]:
    """Return the metadata of a call. Raises whatever the provider raises."""
    value = token if isinstance(token, str) else token()
    return "authorization", f"Bearer {await value if inspect.isawaitable(value) else value}"
