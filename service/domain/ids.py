"""Reading ids as callers write them."""

import re
from uuid import UUID

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def parse_uuid(text: str) -> UUID | None:
    """Return the UUID in its canonical form with hyphens (RFC 9562); None for anything else."""
    return UUID(text) if _UUID.fullmatch(text) else None
