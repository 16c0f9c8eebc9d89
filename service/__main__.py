"""The command line: ``python -m service COMMAND``."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine

import uvloop

from service import logs
from service.commands import audit, dev, doctor, health, migrate, new_kek, replay_erasures, rewrap_keys, serve, upkeep
from service.commands.failures import KNOWN, end_with
from service.config import Settings
from service.variables import read_settings

DEFAULT_ADDRESS = "127.0.0.1:50051"
INTERRUPTED = 130
"""The exit status of a program that SIGINT ended, as shells report it."""


def main() -> None:
    """Run one command and end with its exit status."""
    arguments = _parser().parse_args()
    logs.configure()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            sys.exit(runner.run(_COMMANDS[arguments.command](arguments)))
    except KNOWN as error:
        end_with(error)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _serve(arguments: argparse.Namespace) -> Coroutine[None, None, int]:
    named = {"workers": arguments.workers, "allow_plaintext": arguments.allow_plaintext}
    given = {name: value for name, value in named.items() if value is not None}
    return serve.serve(read_settings(lambda: Settings(**given)))


_COMMANDS: dict[str, Callable[[argparse.Namespace], Coroutine[None, None, int]]] = {
    "serve": _serve,
    "dev": lambda _: dev.dev(),
    "migrate": lambda _: migrate.migrate(read_settings()),
    "upkeep": lambda arguments: (audit.audit if arguments.audit else upkeep.upkeep)(read_settings()),
    "replay-erasures": lambda _: replay_erasures.replay_erasures(read_settings()),
    "new-kek": lambda arguments: new_kek.new_kek(arguments.file or os.environ.get("ME_IMAGES_KEK_FILE")),
    "rewrap-keys": lambda _: rewrap_keys.rewrap_keys(read_settings()),
    "doctor": lambda _: doctor.doctor(),
    "health": lambda _: health.health(os.environ.get("ME_IMAGES_ADDRESS", DEFAULT_ADDRESS), os.environ),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service", description="me-images: reference photos of a person.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serving = commands.add_parser("serve", help="answer calls; settings are ME_IMAGES_* variables, see the README")
    serving.add_argument("--workers", type=int, help="server processes that share the port")
    serving.add_argument(
        "--allow-plaintext", action="store_true", default=None, help="listen without TLS beyond this machine, too"
    )
    commands.add_parser("dev", help="run everything on this machine, with Postgres, S3 and tokens to try it with")
    commands.add_parser("migrate", help="bring the database to the newest schema and make the bucket")
    commands.add_parser("replay-erasures", help="after a database was restored, erase again who was erased since")
    keeping = commands.add_parser("upkeep", help="remove what nobody uses, as servers do, and say what it was")
    keeping.add_argument(
        "--audit", action="store_true", help="compare the bucket with the rows instead, and change nothing"
    )
    adding = commands.add_parser("new-kek", help="add a key-encryption key (an epoch) to the file of them")
    adding.add_argument("file", nargs="?", metavar="FILE", help="the file; unset: ME_IMAGES_KEK_FILE")
    commands.add_parser("rewrap-keys", help="move users' keys to the newest epoch; servers go on meanwhile")
    commands.add_parser("doctor", help="look at settings, files, database, bucket, keys and clocks; say what to do")
    commands.add_parser("health", help="ask the server at ME_IMAGES_ADDRESS; exit status 0 when it is serving")
    return parser


if __name__ == "__main__":
    main()
