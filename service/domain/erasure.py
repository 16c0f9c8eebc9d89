"""What a certificate of erasure says: a text for people and programs, signed as it stands."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from service.domain.model import UserId

FORMAT = "meimage/erasure/1"
ERASURES = "erasures/"
"""Where certificates lie in the bucket, so that they outlive a database that is restored."""

_KNOWN = (
    "At this time the key under which all photos, labels, tags and release records of this person were sealed was"
    " destroyed, and the person's me-images, ledger and events were removed. No server of this database can open any"
    " of it any more, and nobody can use this user_id again. The sealed objects are removed after it."
    " A backup of the database from before this time still holds the key, wrapped under the key-encryption key of"
    " key_epoch: it ends when such backups are destroyed, or that key-encryption key is."
)
_UNKNOWN = "At this time nothing of this person was stored here. Nobody can use this user_id any more."


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is stored of a user; ``ledger_head`` is the newest hash, ``key_epoch`` the one that wraps the key."""

    is_known: bool
    me_images: int
    media: int
    ledger_entries: int
    ledger_head: bytes | None
    key_epoch: int | None


@dataclass(frozen=True, slots=True)
class ErasureCertificate:
    """A signed document: ``signature`` in base64 over its UTF-8 bytes, ``public_key`` in PEM."""

    document: str
    signature: str
    public_key: str


def erasure_document(user_id: UserId, at: datetime, caller: str, held: Holdings) -> str:
    """Return the text to sign: JSON with sorted names, each on its line."""
    facts = {
        "format": FORMAT,
        "statement": _KNOWN if held.is_known else _UNKNOWN,
        "user_id": user_id,
        "erased_at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "erased_by": caller,
        "destroyed": {
            "me_images": held.me_images,
            "media": held.media,
            "ledger_entries": held.ledger_entries,
            "ledger_head": held.ledger_head.hex() if held.ledger_head else None,
            "key_epoch": held.key_epoch,
        },
    }
    return json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def read_document(text: str) -> tuple[UserId, datetime]:
    """Return who was erased, and when. Raises ValueError for any other text."""
    try:
        facts = json.loads(text)
        if facts["format"] != FORMAT:
            raise ValueError("another format")
        return UserId(str(facts["user_id"])), datetime.fromisoformat(facts["erased_at"])
    except (KeyError, TypeError) as error:
        raise ValueError("no certificate of erasure") from error


def erasure_key(user_id: UserId) -> str:
    """Return the key of a user's certificate in the bucket."""
    return f"{ERASURES}{hashlib.sha256(user_id.encode()).hexdigest()}.json"
