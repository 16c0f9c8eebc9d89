"""`me-images`, the command line: `pip install 'meimage[cli]'`."""

import os
import sys


def main() -> None:
    """Run the command line; ends the process with its exit status."""
    # grpcio tells of every connection that ends; a person at a terminal has errors for that.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from meimage.cli.app import run  # noqa: PLC0415 - grpcio reads its environment on import
    except ModuleNotFoundError as missing:
        if missing.name not in {"click", "rich", "PIL"}:
            raise
        sys.exit("me-images: The command line needs more packages: pip install 'meimage[cli]'.")
    sys.exit(run())
