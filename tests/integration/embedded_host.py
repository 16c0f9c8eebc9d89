"""A process that runs the embedded stores, keeps one thing in each, and then waits to be killed."""

import asyncio
import sys
from pathlib import Path

from service.adapters.embedded import embedded_stores
from tests.integration.keeping import keep


async def main(data_dir: Path) -> None:
    """Tell on the standard output when everything is kept."""
    async with embedded_stores(data_dir) as stores:
        await keep(stores, b"kept")
        sys.stdout.write("kept\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
