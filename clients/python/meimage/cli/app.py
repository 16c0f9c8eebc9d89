"""The commands together: their common options, and how every run ends."""

import os
import sys
from pathlib import Path

import click

from meimage.cli import consent, contact_sheet, photos, pool, releases, uploads, watches
from meimage.cli.failures import FAILURES, INTERRUPTED, STATUSES, sentence_of, status_of
from meimage.cli.session import Session
from meimage.cli.settings import Options, read_settings

_HELP = f"""Your own reference photos, and who may use them.

Which server, which person and which tokens: from `.data/dev.env`, which `make run` writes, in this folder or one
above it; or from ME_IMAGES_ADDRESS, ME_IMAGES_USER_ID, ME_IMAGES_USER_TOKEN and, for releases,
ME_IMAGES_SERVICE_TOKEN. Where an option or the environment names a server, the file is not read. Tokens are no
options: other users of a machine can read those.

A me-image is named by its id or by the beginning of it.
{STATUSES}"""


@click.group(help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--address", metavar="HOST:PORT", help="The server. On this machine plaintext, elsewhere TLS.")
@click.option("--user", "user_id", metavar="ID", help="The person whose photos it is about.")
@click.option("--ca", type=click.Path(path_type=Path, exists=True), help="Trust this CA (PEM), and use TLS.")
@click.option("--allow-plaintext", is_flag=True, help="Do without TLS also to another machine.")
@click.option("--thumbnails/--no-thumbnails", default=True, help="Draw thumbnails in terminals that can.")
@click.version_option(package_name="meimage", prog_name="me-images")
@click.pass_context
def me_images(  # noqa: PLR0913, PLR0917 - what every command takes
    context: click.Context,
    address: str | None,
    user_id: str | None,
    ca: Path | None,
    allow_plaintext: bool,
    thumbnails: bool,
) -> None:
    """Hold what all commands have in common."""
    context.obj = Session(read_settings(Options(address, user_id, ca, allow_plaintext)), thumbnails)


for module in (uploads, pool, photos, consent, releases, watches, contact_sheet):
    for command in module.COMMANDS:
        me_images.add_command(command)


def run() -> int:
    """Run the command line, and return its exit status."""
    try:
        status = me_images.main(prog_name="me-images", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough; nothing is left to be said, also not by Python as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except FAILURES as failure:
        sys.stderr.write(f"me-images: {sentence_of(failure)}\n")
        return status_of(failure)
    return status if isinstance(status, int) else 0
