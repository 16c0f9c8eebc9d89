"""``new-kek``: add a key-encryption key to the file, and say what to do with it."""

import sys
from pathlib import Path

from service.adapters.new_kek import add_kek

FIRST = """Wrote epoch 1 to {path}, a new file.
Keep a copy where no backup of the database lies: without it nothing opens.
"""
NEXT = """Wrote epoch {epoch} to {path}, which holds epochs {epochs}. What to do next:
  1. Bring this file to every server. Servers that run read it when they meet the new epoch; restart none of them
     before all have it, because a server that starts wraps new users' keys under the newest epoch.
  2. Restart all servers, one after another.
  3. Run `python -m service rewrap-keys` until no key is left under an older epoch; servers go on meanwhile.
  4. Drop an older epoch from the file when no backup of the database that you keep is older than step 3.
"""
NO_FILE = "Name a FILE, or set ME_IMAGES_KEK_FILE.\n"


async def new_kek(path: str | None) -> int:
    """Add an epoch; return 0. Raises UnusableKekFile."""
    if not path:
        sys.stderr.write(NO_FILE)
        return 2
    added = add_kek(Path(path))
    epochs = ", ".join(map(str, added.epochs))
    text = FIRST if added.epochs == (1,) else NEXT
    sys.stdout.write(text.format(path=path, epoch=added.epoch, epochs=epochs))
    return 0
