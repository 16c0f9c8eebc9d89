"""The table ``requests``: answers kept for retries."""

from service.adapters.postgres.database import Executor, as_user
from service.domain.model import RequestId, UserId
from service.ports.records import RequestRecord

_FIND = as_user("""
    SELECT request_id, content_digest, sealed_answer, created_at FROM requests r
    WHERE r.user_id = me.user_id AND request_id = $2
""")
_ADD = """
    INSERT INTO requests (user_id, request_id, content_digest, sealed_answer, created_at) VALUES ($1, $2, $3, $4, $5)
"""


class Requests:
    """Statements on ``requests``."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    async def request(self, user_id: UserId, request_id: RequestId) -> RequestRecord | None:
        """See Transaction."""
        row = await self._db.fetchrow(_FIND, user_id, request_id)
        return RequestRecord(**row) if row else None

    async def add_request(self, user_id: UserId, request: RequestRecord) -> None:
        """See Transaction."""
        kept = (request.request_id, request.content_digest, request.sealed_answer, request.created_at)
        await self._db.execute(_ADD, user_id, *kept)
