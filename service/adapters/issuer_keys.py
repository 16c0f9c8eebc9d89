"""Port TokenVerifier whose keys follow their source, while calls go on with the keys that are known.

The source is read now and then, and when a token names a key that is not known; never more often than its pause
allows, however many such tokens come. A source that is away, or holds no keys, changes nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from service.adapters.jwks import Keys, KeySource, UnusableJwks, parse_jwks
from service.adapters.tokens import JwtVerifier
from service.domain.callers import Caller

_log = structlog.get_logger()


class IssuerKeys:
    """Port TokenVerifier, and something that a server needs: it answers a ping once it has keys."""

    def __init__(self, verifier: JwtVerifier, source: KeySource, seconds: Callable[[], float]) -> None:
        self._verifier = verifier
        self._source = source
        self._seconds = seconds
        self._not_before = seconds()
        self._looking: asyncio.Task[bool] | None = None
        self._text: bytes | None = None
        self._problem: str | None = None

    @classmethod
    @asynccontextmanager
    async def followed(
        cls, verifier: JwtVerifier, source: KeySource, seconds: Callable[[], float]
    ) -> AsyncIterator["IssuerKeys"]:
        """Follow the source while the block runs; ``seconds`` is a monotonic clock. Raises UnusableJwks."""
        keys = cls(verifier, source, seconds)
        await keys.look()
        if source.needed_at_start and keys._problem is not None:
            raise UnusableJwks(keys._problem)
        following = asyncio.create_task(keys._follow())
        try:
            yield keys
        finally:
            for task in (following, keys._looking):
                if task is not None:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    def verify(self, token: str) -> Caller:
        """See TokenVerifier."""
        return self._verifier.verify(token)

    async def learned(self, token: str) -> bool:
        """See TokenVerifier."""
        return self._verifier.names_unknown_key(token) and await self.look()

    async def ping(self) -> None:
        """Return when there are keys. Raises UnusableJwks."""
        if self._text is None:
            raise UnusableJwks(self._problem or "")

    async def look(self) -> bool:
        """Read the source, unless that was done a moment ago; return whether there are other keys now.

        Who asks while it is being read waits for the same answer.
        """
        if self._looking is None:
            if self._seconds() < self._not_before:
                return False
            self._not_before = self._seconds() + self._source.pause
            self._looking = asyncio.create_task(self._read())
        return await asyncio.shield(self._looking)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._source.period if self._problem is None else self._source.pause)
            await self.look()

    async def _read(self) -> bool:
        try:
            text, keys = await asyncio.to_thread(self._newest)
        except UnusableJwks as problem:
            self._note(f"{self._source.setting} {problem}")
            return False
        finally:
            self._looking = None
        self._note(None)
        if keys is None:
            return False
        if self._text is not None:
            _log.info("token keys taken", keys=len(keys))
        self._text = text
        self._verifier.trust_keys(keys)
        return True

    def _newest(self) -> tuple[bytes, Keys | None]:
        """Return what the source says, and its keys where that is not what it said before."""
        text = self._source.read()
        return text, None if text == self._text else parse_jwks(text)

    def _note(self, problem: str | None) -> None:
        if problem is not None and problem != self._problem:
            _log.error("token keys not taken", problem=problem)
        self._problem = problem
