"""What an export says in words and names: for the person first, and for programs."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from service.domain.ledger import LedgerEntry
from service.domain.model import AiSettings, Media, MediaId, MediaType, MeImage
from service.ports.records import LedgerRecord, MediaRecord, MeImageRecord

EXTENSIONS: Mapping[MediaType, str] = {
    MediaType.JPEG: "jpg",
    MediaType.PNG: "png",
    MediaType.WEBP: "webp",
    MediaType.HEIC: "heic",
    MediaType.AVIF: "avif",
}
LEDGER_RULE = (
    "hash = SHA-256 over these parts, each preceded by its length in bytes as 4 bytes big-endian: the text"
    " meimage/ledger/1; the 32 bytes of previous_hash; user_id; sequence in decimal; kind; time as microseconds since"
    " 1970-01-01T00:00:00Z in decimal; caller; me_image_id (empty where there is none); and for a release its"
    " release_id, generator and purpose, and for each image me_image_id, rendition and sha256. All texts are UTF-8."
)
README = """\
This is everything that me-images holds of you, as of {at}.

photos/                    Your photos, exactly as they were uploaded.
me-images.json             What you said about them: kind, label, tags, what each may be used for, and your choice
                           whether AI may use any of them. A me-image with a deleted_at was deleted by you, and is
                           removed for good at removed_for_good_at.
ledger.json                Your ledger: each consent that was given or withdrawn, each time that photos of you were
                           handed to an AI model: when, by whom, to which model and for what; and each time that
                           everything of you was exported, as here.
ledger-verification.json   Whether the ledger is intact. Each entry holds the hash of the one before, so that nothing in
                           it can be changed without a trace; ledger.json says how to compute the hashes yourself.

All times are UTC. A sha256 is that of the photo's bytes: compute it, and you know that it is the same photo.
"""


def photo_names(media: Sequence[MediaRecord], me_images: Sequence[MeImageRecord]) -> dict[MediaId, str]:
    """Return a readable name for each photo, no two alike: its number, what it shows, and when it came."""
    kinds: dict[MediaId, str] = {}
    for record in sorted(me_images, key=lambda each: each.created_at):
        kinds.setdefault(record.media.media_id, record.kind.lower())
    ordered = sorted(media, key=lambda each: (each.created_at, each.media_id))
    return {
        each.media_id: f"photos/{number:03}-{kinds.get(each.media_id, 'unclaimed')}"
        f"-{each.created_at.astimezone(UTC):%Y-%m-%d}.{EXTENSIONS[each.content_type]}"
        for number, each in enumerate(ordered, start=1)
    }


def settings_facts(settings: AiSettings) -> dict[str, object]:
    """Say what the person decided about all me-images."""
    return {"ai_may_use_photos_that_are_opted_in": settings.references_enabled, "decided_at": when(settings.updated_at)}


def me_image_facts(me_image: MeImage, names: Mapping[MediaId, str]) -> dict[str, object]:
    """Say everything of a me-image."""
    return {
        "me_image_id": str(me_image.me_image_id),
        "kind": me_image.kind,
        "label": me_image.label,
        "tags": me_image.tags,
        "ai_may_use_it": me_image.usage.ai_reference,
        "shown_in_profile": me_image.usage.show_in_profile,
        "primary_slots": me_image.slots,
        "created_at": when(me_image.created_at),
        "changed_at": when(me_image.updated_at),
        "is_deleted": me_image.deleted_at is not None,
        "deleted_at": when(me_image.deleted_at),
        "removed_for_good_at": when(me_image.purge_at),
        "photo": media_facts(me_image.media, names),
    }


def media_facts(media: Media, names: Mapping[MediaId, str]) -> dict[str, object]:
    """Say everything of a photo; ``file`` is nothing where it was removed while the export was made."""
    return {
        "file": names.get(media.media_id),
        "media_id": str(media.media_id),
        "uploaded_as": media.filename,
        "uploaded_at": when(media.created_at),
        "content_type": media.content_type,
        "size_bytes": media.size_bytes,
        "sha256": media.sha256,
        "width": media.width,
        "height": media.height,
    }


def entry_facts(record: LedgerRecord, entry: LedgerEntry | None) -> dict[str, object]:
    """Say everything of a ledger entry; of one that does not open, what stands plain."""
    facts: dict[str, object] = {
        "sequence": record.sequence,
        "kind": record.kind,
        "time": when(record.at),
        "caller": record.caller,
        "me_image_id": str(record.me_image_id or ""),
        "previous_hash": record.previous_hash.hex(),
        "hash": record.hash.hex(),
    }
    if entry is None:
        facts["release"] = "cannot be read"
    elif entry.release is not None:
        release = entry.release
        facts["release"] = {
            "release_id": str(release.release_id),
            "generator": release.generator,
            "purpose": release.purpose,
            "images": [
                {"me_image_id": str(image.me_image_id), "rendition": image.rendition, "sha256": image.sha256}
                for image in release.images
            ],
        }
    return facts


def as_json(facts: object) -> bytes:
    """Write for people."""
    return json.dumps(facts, ensure_ascii=False, indent=2).encode()


def when(at: datetime | None) -> str | None:
    """Write a time with its microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds") if at else None
