"""A ledger as the domain makes it, for the SDKs to verify. `python -m tests.sdk.ledger_vector` prints it."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.domain.ledger import Deed, LedgerEntry, LedgerHead, LedgerKind, ReleasedImage, ReleaseFacts, next_entry
from service.domain.model import MeImageId, Rendition, UserId

USER = UserId("Zoë|42")
ME_IMAGE = MeImageId(UUID(int=7))
START = datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)
RELEASE = ReleaseFacts(
    release_id=UUID(int=8),
    generator="openai/gpt-image-2",
    purpose="a portrait — 肖像",
    images=tuple(ReleasedImage(ME_IMAGE, rendition, f"{n:064x}") for n, rendition in enumerate(Rendition, 1)),
)


def vector() -> list[LedgerEntry]:
    """One entry of each kind, the first one first."""
    deed = Deed(USER, LedgerKind.CONSENT_GIVEN, START, "user:Zoë|42", ME_IMAGE)
    deeds = [
        deed,
        replace(deed, kind=LedgerKind.REFERENCES_PAUSED, me_image_id=None),
        replace(deed, kind=LedgerKind.REFERENCES_RESUMED, me_image_id=None),
        replace(
            deed, kind=LedgerKind.REFERENCES_RELEASED, me_image_id=None, caller="service:pictures", release=RELEASE
        ),
        replace(deed, kind=LedgerKind.CONSENT_WITHDRAWN),
    ]
    entries: list[LedgerEntry] = []
    head = LedgerHead()
    for n, each in enumerate(deeds):
        entry = next_entry(head, replace(each, at=START + n * timedelta(microseconds=1)))
        entries.append(entry)
        head = LedgerHead(entry.sequence, entry.hash)
    return entries


def as_json() -> str:
    """The vector as the contract's messages, in proto3 JSON."""
    return json.dumps([_message(entry) for entry in vector()], indent=2, ensure_ascii=False) + "\n"


def _message(entry: LedgerEntry) -> dict[str, object]:
    message: dict[str, object] = {
        "userId": entry.user_id,
        "sequence": entry.sequence,
        "kind": f"LEDGER_KIND_{entry.kind.value}",
        "time": entry.at.isoformat().replace("+00:00", "Z"),
        "caller": entry.caller,
        "meImageId": str(entry.me_image_id or ""),
        "previousHash": entry.previous_hash.hex(),
        "hash": entry.hash.hex(),
    }
    if entry.release is not None:
        message["release"] = {
            "releaseId": str(entry.release.release_id),
            "generator": entry.release.generator,
            "purpose": entry.release.purpose,
            "images": [
                {
                    "meImageId": str(image.me_image_id),
                    "rendition": f"RENDITION_{image.rendition.value.replace('-', '_').upper()}",
                    "sha256": image.sha256,
                }
                for image in entry.release.images
            ],
        }
    return message


if __name__ == "__main__":
    sys.stdout.write(as_json())
