"""A ledger as the service computes it, as proto3 JSON: what other languages must verify to the same hashes.

`python -m tests.sdk.ledger_vector clients/go/testdata/ledger.json` writes it.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from service.domain.ledger import Deed, LedgerEntry, LedgerHead, LedgerKind, ReleasedImage, ReleaseFacts, next_entry
from service.domain.model import MeImageId, Rendition, UserId

USER_ID = UserId("Zoë/用户")
_PHOTO, _OTHER = (MeImageId(UUID(int=number)) for number in (1, 2))
_RELEASES = (
    ReleaseFacts(
        release_id=UUID(int=3),
        generator="openai/gpt-image-2",
        purpose="Glasses, tried on: “übergroß” 👓",
        images=tuple(
            ReleasedImage(photo, rendition, f"{number:064x}")
            for number, (photo, rendition) in enumerate(
                ((photo, rendition) for rendition in Rendition for photo in (_PHOTO, _OTHER)), start=1
            )
        ),
    ),
    ReleaseFacts(release_id=UUID(int=4), generator="a/b", purpose="None of them", images=()),
)
_DEEDS: tuple[tuple[LedgerKind, MeImageId | None, ReleaseFacts | None], ...] = (
    (LedgerKind.CONSENT_GIVEN, _PHOTO, None),
    (LedgerKind.REFERENCES_PAUSED, None, None),
    (LedgerKind.REFERENCES_RESUMED, None, None),
    (LedgerKind.REFERENCES_RELEASED, None, _RELEASES[0]),
    (LedgerKind.REFERENCES_RELEASED, None, _RELEASES[1]),
    (LedgerKind.CONSENT_WITHDRAWN, _PHOTO, None),
)


def entries() -> list[LedgerEntry]:
    """Return a ledger with every kind of entry and every rendition, oldest first."""
    made: list[LedgerEntry] = []
    at = datetime(2026, 11, 23, 1, 2, 3, 45, UTC)
    for number, (kind, me_image_id, release) in enumerate(_DEEDS):
        head = LedgerHead(made[-1].sequence, made[-1].hash) if made else LedgerHead()
        when = at + timedelta(microseconds=number * 1_234_567)
        made.append(next_entry(head, Deed(USER_ID, kind, when, f"service:caller {number}", me_image_id, release)))
    return made


def vector() -> str:
    """Return the ledger as a file holds it: the head's hash, and the entries, newest first as lists give them."""
    ledger = entries()
    told = [_told(entry) for entry in reversed(ledger)]
    content = {"user_id": USER_ID, "head_hash": ledger[-1].hash.hex(), "entries": told}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _told(entry: LedgerEntry) -> dict[str, object]:
    told: dict[str, object] = {
        "user_id": entry.user_id,
        "sequence": entry.sequence,
        "kind": f"LEDGER_KIND_{entry.kind}",
        "time": entry.at.isoformat(),
        "caller": entry.caller,
        "me_image_id": str(entry.me_image_id or ""),
        "previous_hash": entry.previous_hash.hex(),
        "hash": entry.hash.hex(),
    }
    if entry.release is not None:
        told["release"] = {
            "release_id": str(entry.release.release_id),
            "generator": entry.release.generator,
            "purpose": entry.release.purpose,
            "images": [
                {"me_image_id": str(image.me_image_id), "rendition": f"RENDITION_{image.rendition.name}"}
                | {"sha256": image.sha256}
                for image in entry.release.images
            ],
        }
    return told


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(vector(), encoding="utf-8")
