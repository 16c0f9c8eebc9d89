"""Answers that are kept for retries: the same ``request_id`` gives the same answer and one effect.

The content of a request is compared by a digest under the user's key: a label is short enough to guess.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_json

from service.domain.errors import RequestIdReused
from service.domain.model import RequestId
from service.ports.records import RequestRecord
from service.ports.sealing import DigestUse, Purpose, SealContext
from service.usecases.sealed import UserSeals

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Retryable(Generic[Answer]):
    """A mutation whose answer can be kept and given again."""

    method: str
    answer: TypeAdapter[Answer]

    def digest(self, seals: UserSeals, content: object) -> bytes:
        """Return what a retry must equal: the method and all that it asks for."""
        return seals.vault.keyed_digest(seals.key, DigestUse.REQUEST_CONTENT, to_json([self.method, content]))

    def keep(
        self, seals: UserSeals, request_id: RequestId, digest: bytes, answer: Answer, at: datetime
    ) -> RequestRecord:
        """Return the record that makes a retry give the same answer."""
        sealed = seals.vault.seal(seals.key, _context(seals, request_id), self.answer.dump_json(answer))
        return RequestRecord(request_id, digest, sealed, at)

    def replay(self, seals: UserSeals, kept: RequestRecord, digest: bytes) -> Answer:
        """Return the kept answer. Raises RequestIdReused when the request was another one."""
        if kept.content_digest != digest:
            raise RequestIdReused
        plain = seals.vault.open(seals.key, _context(seals, kept.request_id), kept.sealed_answer)
        return self.answer.validate_json(plain)


def _context(seals: UserSeals, request_id: RequestId) -> SealContext:
    return SealContext(Purpose.ANSWER, seals.user_id, request_id)
