"""Port Inventory: the bucket as an audit reads it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import islice

from service.adapters.objects import S3Objects
from service.ports.audit import HeldObject
from service.ports.outside import ObjectMissing

PAGE = 1000
"""Objects that one request lists."""

_UNDATED = datetime.min.replace(tzinfo=UTC)


class S3Inventory(S3Objects):
    """Port Inventory."""

    async def listing(self, prefix: str) -> AsyncIterator[HeldObject]:
        """See Inventory."""
        found = self._client.list_objects(self._bucket, prefix, recursive=True)
        while page := await self._run("list", lambda: list(islice(found, PAGE))):
            for each in page:
                yield HeldObject(str(each.object_name), each.last_modified or _UNDATED)

    async def has(self, key: str) -> bool:
        """See Inventory."""
        try:
            await self._run("stat", lambda: self._client.stat_object(self._bucket, key))
        except ObjectMissing:
            return False
        return True
