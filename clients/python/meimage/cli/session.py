"""What every command has: settings, places to write to, and ids by their beginning."""

import asyncio
import json
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import click
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console

from meimage import Client
from meimage.cli.failures import NOT_FOUND, Wrong
from meimage.cli.settings import Settings
from meimage.cli.words import printable
from meimage.v1.me_image_pb2 import MeImage, MeImageView
from meimage.v1.me_image_service_pb2 import ListMeImagesRequest

T = TypeVar("T")
_SHORTEST = 4


def _console() -> Console:
    # Where nobody looks there is no edge to wrap at.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 500)


@dataclass
class Session:
    """One run of the command line. ``out`` is for results, ``err`` for everything else."""

    settings: Settings
    thumbnails: bool = True
    out: Console = field(default_factory=_console)
    err: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))

    @property
    def user_id(self) -> str:
        """The person whom the command is about."""
        return self.settings.user_id

    def run(self, work: Callable[[Client], Awaitable[T]], *, as_service: bool = False) -> T:
        """Run what a command does with a client."""

        async def connected() -> T:
            async with self.settings.connect(as_service=as_service) as client:
                return await work(client)

        return asyncio.run(connected())

    def say(self, line: str) -> None:
        """Write a line of result, with nothing in it that a terminal would obey."""
        sys.stdout.write(f"{printable(line)}\n")

    def json(self, value: Message | Sequence[Message]) -> None:
        """Write messages as JSON with the contract's names."""
        plain = [_plain(each) for each in value] if isinstance(value, Sequence) else _plain(value)
        sys.stdout.write(json.dumps(plain, indent=2) + "\n")


def _plain(message: Message) -> dict[str, object]:
    plain: dict[str, object] = MessageToDict(message, preserving_proto_field_name=True)
    plain.pop("thumbnail", None)
    return plain


pass_session = click.make_pass_decorator(Session)


async def all_me_images(
    client: Client, user_id: str, *, full: bool = False, include_deleted: bool = False
) -> list[MeImage]:
    """Return a person's me-images, newest first, with thumbnails where ``full``."""
    view = MeImageView.ME_IMAGE_VIEW_FULL if full else MeImageView.ME_IMAGE_VIEW_BASIC
    request = ListMeImagesRequest(
        user_id=user_id, view=view, page_size=50 if full else 200, include_deleted=include_deleted
    )
    found: list[MeImage] = []
    while True:
        page = await client.pool.ListMeImages(request)
        found += page.me_images
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


async def whole_ids(client: Client, user_id: str, given: Iterable[str]) -> list[str]:
    """Return the ids that begin as given. Raises Wrong where none or several do."""
    wanted = [each.lower() for each in given]
    if all(_is_uuid(each) for each in wanted):
        return wanted
    ids = [each.me_image_id for each in await all_me_images(client, user_id, include_deleted=True)]
    return [each if _is_uuid(each) else _only(each, ids) for each in wanted]


def _only(beginning: str, ids: Sequence[str]) -> str:
    found = [each for each in ids if each.startswith(beginning) and len(beginning) >= _SHORTEST]
    if not found:
        raise Wrong(
            f"No me-image has an id that begins with {beginning!r} ({_SHORTEST} characters or more).", NOT_FOUND
        )
    if len(found) > 1:
        raise Wrong(f"{len(found)} me-images have ids that begin with {beginning!r}; give more of it.")
    return found[0]


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
