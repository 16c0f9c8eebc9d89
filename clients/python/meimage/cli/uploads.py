"""`upload`: files and folders, with a progress bar."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from meimage import Client
from meimage.cli.failures import AWAY, FAILURES, NOT_ALLOWED, Wrong, sentence_of, status_of
from meimage.cli.session import Session, pass_session
from meimage.cli.words import KIND, SLOT, kind_of, kind_word, size_word, slot_of, slot_words
from meimage.v1.me_image_pb2 import MeImage, NewMeImage, Usage

PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif"}


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--kind", type=KIND, default="reference", show_default=True, help="What the photos show.")
@click.option("--slot", "slots", type=SLOT, multiple=True, help="Take this primary slot; for one photo.")
@click.option("--label", default="", help="A name for people to read.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be given several times.")
@click.option("--ai", is_flag=True, help="Allow AI image generation to use the photos.")
@pass_session
def upload(  # noqa: PLR0913, PLR0917
    session: Session,
    paths: Sequence[Path],
    kind: str,
    slots: Sequence[str],
    label: str,
    tags: Sequence[str],
    ai: bool,
) -> int:
    """Upload photos, and make me-images of them.

    Of folders, and the folders in them, the files that are named like photos: .jpg .png .webp .heic .avif. A photo that
    is refused does not stop the others; the exit status is that of the first one.
    """
    files = list(_files(paths))
    if slots and len(files) > 1:
        raise Wrong("A slot has one holder: give --slot with one photo.")
    new = NewMeImage(
        kind=kind_of(kind),
        label=label,
        tags=tags,
        claim_slots=[slot_of(slot) for slot in slots],
        usage=Usage(ai_reference=ai),
    )
    return session.run(lambda client: _Batch(session, client, new).send(files))


@dataclass
class _Batch:
    """Photos that are uploaded one after the other, and become the same kind of me-image."""

    session: Session
    client: Client
    new: NewMeImage

    async def send(self, files: Sequence[Path]) -> int:
        status = 0
        with _bar(self.session) as bar:
            every = bar.add_task("", total=sum(path.stat().st_size for path in files if path.is_file()))
            for path in files:
                before = bar.tasks[0].completed
                bar.update(every, description=path.name)
                try:
                    made = await self._send_one(path, _Advance(bar, every, before))
                except FAILURES as failure:
                    status = status or status_of(failure)
                    self.session.err.print(f"me-images: {path}: {sentence_of(failure)}", markup=False, soft_wrap=True)
                    if status_of(failure) in {NOT_ALLOWED, AWAY}:
                        break  # the others would fare no better
                else:
                    self.session.say(_line(made))
                bar.update(every, completed=before + (path.stat().st_size if path.is_file() else 0))
        return status

    async def _send_one(self, path: Path, progress: "_Advance") -> MeImage:
        answer = await self.client.upload(path, user_id=self.session.user_id, new_me_image=self.new, progress=progress)
        return answer.me_image


@dataclass
class _Advance:
    """Moves the bar by what was sent of one photo."""

    bar: Progress
    task: TaskID
    before: float

    def __call__(self, done: int, _: int) -> None:
        self.bar.update(self.task, completed=self.before + done)


def _bar(session: Session) -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    return Progress(*columns, console=session.err, transient=True, disable=not session.err.is_terminal)


def _line(made: MeImage) -> str:
    words = [made.me_image_id, kind_word(made.kind), made.media.filename, size_word(made.media.size_bytes)]
    return "  ".join([*words, *([slot_words(made.slots)] if made.slots else [])])


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(each for each in path.rglob("*") if each.suffix.lower() in PHOTOS and each.is_file())
        if not found:
            raise Wrong(f"There are no photos in {path}.")
        yield from found


COMMANDS = (upload,)
