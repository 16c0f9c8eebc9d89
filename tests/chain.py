"""The ledger's hash rule a second time, from the comment in ledger.proto alone."""

import hashlib
import struct
from collections.abc import Iterable

from meimage.v1 import ledger_pb2, me_image_pb2


def hash_of(entry: ledger_pb2.LedgerEntry) -> str:
    """Return the hash that the rule gives an entry, in lower-case hexadecimal."""
    microseconds = entry.time.seconds * 1_000_000 + entry.time.nanos // 1000
    parts = [
        b"meimage/ledger/1",
        bytes.fromhex(entry.previous_hash),
        entry.user_id.encode(),
        b"%d" % entry.sequence,
        ledger_pb2.LedgerKind.Name(entry.kind)[len("LEDGER_KIND_") :].encode(),
        b"%d" % microseconds,
        entry.caller.encode(),
        entry.me_image_id.encode(),
    ]
    if entry.HasField("release"):
        release = entry.release
        texts = [release.release_id, release.generator, release.purpose]
        for image in release.images:
            name = me_image_pb2.Rendition.Name(image.rendition)[len("RENDITION_") :].lower().replace("_", "-")
            texts += [image.me_image_id, name, image.sha256]
        parts += [text.encode() for text in texts]
    return hashlib.sha256(b"".join(struct.pack(">I", len(part)) + part for part in parts)).hexdigest()


def first_break(entries: Iterable[ledger_pb2.LedgerEntry]) -> int | None:
    """Return the sequence number at which a ledger, oldest entry first, is not intact; None where it is."""
    previous = "00" * 32
    for number, entry in enumerate(entries, start=1):
        if (entry.sequence, entry.previous_hash, entry.hash) != (number, previous, hash_of(entry)):
            return number
        previous = entry.hash
    return None
