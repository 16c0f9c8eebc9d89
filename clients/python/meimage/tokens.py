"""Where the bearer token of a call comes from."""

import inspect
from collections.abc import Awaitable, Callable

TokenProvider = str | Callable[[], str | Awaitable[str]]
"""A token, or a function, asynchronous or not, that is asked for one before every call."""


class InvalidToken(ValueError):
    """What the provider gave cannot be sent: it is empty, or has spaces or line breaks. The text does not hold it."""

    def __init__(self) -> None:
        super().__init__("A token is neither empty nor has it spaces or line breaks.")


async def authorization(token: TokenProvider) -> tuple[str, str]:
    """Return the metadata of a call. Raises InvalidToken, and whatever the provider raises."""
    given = token if isinstance(token, str) else token()
    value = await given if inspect.isawaitable(given) else given
    # grpcio would refuse it, too, with the token in the text of its error.
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise InvalidToken
    return "authorization", f"Bearer {value}"
