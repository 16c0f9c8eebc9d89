"""``rewrap-keys``: move users' keys to the newest epoch while servers run, and say what is left."""

import sys
import time
from contextlib import aclosing

from service.commands.progress import Progress
from service.commands.serve import stop_signal
from service.config import Settings
from service.usecases.keys import Rewrapping
from service.usecases.keys import rewrap_keys as use_case
from service.wiring import open_keys

NAME = "me-images rewrap-keys"


async def rewrap_keys(settings: Settings) -> int:
    """Rewrap until nothing is left or Ctrl-C; return 0 when nothing is left, and 1 otherwise."""
    async with stop_signal() as stop, open_keys(settings, name=NAME) as (store, vault):
        newest = vault.newest_epoch
        older = sum(keys for epoch, keys in (await store.keys_by_epoch()).items() if epoch < newest)
        progress, last = Progress("keys", older, sys.stdout, time.monotonic), Rewrapping(0, 0)
        async with aclosing(use_case(store, vault)) as steps:
            async for last in steps:
                progress.show(last.moved)
                if stop.is_set():
                    break
        progress.end(last.moved)
        keys_by_epoch = await store.keys_by_epoch()
    left = {epoch: keys for epoch, keys in keys_by_epoch.items() if epoch < newest}
    sys.stdout.write(_report(last, left, newest, keys_by_epoch.get(newest, 0)))
    return 1 if left else 0


def _report(last: Rewrapping, left: dict[int, int], newest: int, at_newest: int) -> str:
    lines = [f"moved {last.moved:,} keys to epoch {newest}"]
    lines += [f"epoch {epoch}: {keys:,} keys left" for epoch, keys in left.items()]
    lines += [f"epoch {newest}: {at_newest:,} keys"]
    if last.broken:
        lines += [f"{last.broken:,} keys do not open and stay as they are"]
    if left:
        lines += ["run it again to move the rest"]
    else:
        lines += ["nothing is left; older epochs are needed only for backups from before now"]
    return "".join(f"{line}\n" for line in lines)
