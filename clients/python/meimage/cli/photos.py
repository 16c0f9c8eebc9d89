"""`download`: the bytes back."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from meimage import Client
from meimage.cli.failures import Wrong
from meimage.cli.session import Session, pass_session, whole_ids
from meimage.cli.words import RENDITION, rendition_of, short_id, size_word
from meimage.v1.me_image_service_pb2 import GetMeImageRequest

SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/heic": "heic", "image/avif": "avif"}


@click.command()
@click.argument("me_images", nargs=-1, required=True)
@click.option("--rendition", type=RENDITION, default="original", show_default=True, help="Upright, without metadata.")
@click.option("-o", "--output", type=click.Path(path_type=Path, allow_dash=True), help="A folder, or a file, or - .")
@pass_session
def download(session: Session, me_images: Sequence[str], rendition: str, output: Path | None) -> None:
    """Download originals or renditions, as ID.jpg or so; each is proven by its SHA-256."""
    user_id, one_file = session.user_id, output is not None and not output.is_dir()
    if one_file and len(me_images) > 1:
        raise Wrong(f"{output} is no folder, and there are several me-images.")

    async def fetch(client: Client) -> None:
        for whole in await whole_ids(client, user_id, me_images):
            content = await client.download(user_id, whole, rendition_of(rendition))
            if output == Path("-"):
                sys.stdout.buffer.write(content)
                continue
            suffix = rendition.split("-", maxsplit=1)[0].replace("jpeg", "jpg")
            if rendition == "original":
                found = await client.pool.GetMeImage(GetMeImageRequest(user_id=user_id, me_image_id=whole))
                suffix = SUFFIXES.get(found.me_image.media.content_type, "bin")
            path = output if output and one_file else (output or Path()) / f"{short_id(whole)}.{suffix}"
            path.write_bytes(content)
            session.say(f"{path}  {size_word(len(content))}")

    session.run(fetch)


COMMANDS = (download,)
