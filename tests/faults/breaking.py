"""An object store that fails when a test wants it to."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from service.domain.errors import StorageUnavailable
from service.ports.outside import ObjectStore

Hook = Callable[[str], Awaitable[None]]


@dataclass
class Breaking:
    """Port ObjectStore. The hooks get the key and may raise, or do worse."""

    whole: ObjectStore
    before_put: Hook | None = None
    after_put: Hook | None = None
    before_remove: Hook | None = None

    async def put(self, key: str, sealed: bytes) -> None:
        """See ObjectStore."""
        if self.before_put is not None:
            await self.before_put(key)
        await self.whole.put(key, sealed)
        if self.after_put is not None:
            await self.after_put(key)

    async def get(self, key: str) -> bytes:
        """See ObjectStore."""
        return await self.whole.get(key)

    async def remove(self, keys: Iterable[str]) -> None:
        """See ObjectStore."""
        doomed = list(keys)
        if self.before_remove is not None:
            await self.before_remove(doomed[0])
        await self.whole.remove(doomed)

    async def keys(self, prefix: str, after: str, limit: int) -> list[str]:
        """See ObjectStore."""
        return await self.whole.keys(prefix, after, limit)

    async def ping(self) -> None:
        """See ObjectStore."""
        await self.whole.ping()


def away(ending: str) -> Hook:
    """Return a hook that finds the store away for keys with this ending."""

    async def fail(key: str) -> None:
        if key.endswith(ending):
            raise StorageUnavailable

    return fail
