"""Port ObjectStore before another one: objects that were fetched lately are kept in memory, sealed as they are.

Nothing is decided by what is here. What may leave is judged under the user's lock, and opened with the key that is read
there: without it this is noise. An object of a media never changes under its key, so that none of it can be stale.
"""

from collections import OrderedDict
from collections.abc import Iterable

from service.domain.objects import PREFIX
from service.ports.outside import ObjectStore

LARGEST_BYTES = 4 * 1024 * 1024
"""Renditions are kept, and small originals; large ones, which are read seldom, would push many of them out."""


class KeptObjects:
    """Port ObjectStore. At most ``most`` bytes are kept, those that were asked for last."""

    def __init__(self, objects: ObjectStore, most: int) -> None:
        self._objects = objects
        self._most = most
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._removals = 0
        self.held_bytes = 0
        self.kept_reads = 0
        self.fetched_reads = 0

    async def put(self, key: str, sealed: bytes) -> None:
        """See ObjectStore."""
        await self._objects.put(key, sealed)

    async def get(self, key: str) -> bytes:
        """See ObjectStore."""
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            self.kept_reads += 1
            return kept
        removals = self._removals
        sealed = await self._objects.get(key)
        self.fetched_reads += 1
        if removals == self._removals and key.startswith(PREFIX):  # what is removed meanwhile is not kept
            self._keep(key, sealed)
        return sealed

    async def remove(self, keys: Iterable[str]) -> None:
        """See ObjectStore."""
        doomed = list(keys)
        self._removals += 1
        for key in doomed:
            self._forget(key)
        await self._objects.remove(doomed)

    async def keys(self, prefix: str, after: str, limit: int) -> list[str]:
        """See ObjectStore."""
        return await self._objects.keys(prefix, after, limit)

    async def ping(self) -> None:
        """See ObjectStore."""
        await self._objects.ping()

    def _keep(self, key: str, sealed: bytes) -> None:
        if len(sealed) > min(self._most, LARGEST_BYTES):
            return
        self._forget(key)  # two at once fetched it
        self._kept[key] = sealed
        self.held_bytes += len(sealed)
        while self.held_bytes > self._most:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: str) -> None:
        self.held_bytes -= len(self._kept.pop(key, b""))
