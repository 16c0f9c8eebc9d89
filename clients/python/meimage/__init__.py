"""Client library of me-images: `connect` gives a client; generated messages and stubs are in `meimage.v1`."""

from meimage.client import Client, connect
from meimage.connection import PlaintextRefused, Tls
from meimage.errors import DamagedBytes, FieldViolation, MeImageError, Refusal
from meimage.ledger import LedgerBroken, VerifiedLedger, verify_entries
from meimage.release import BrokenRelease, ReleasedImage, ReleasedReferences
from meimage.retries import Retries
from meimage.tokens import InvalidToken
from meimage.watching import Watched

__all__ = [
    "BrokenRelease",
    "Client",
    "DamagedBytes",
    "FieldViolation",
    "InvalidToken",
    "LedgerBroken",
    "MeImageError",
    "PlaintextRefused",
    "Refusal",
    "ReleasedImage",
    "ReleasedReferences",
    "Retries",
    "Tls",
    "VerifiedLedger",
    "Watched",
    "connect",
    "verify_entries",
]
