"""`release`: what a generator would get, into a folder; needs a service's token."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from meimage import Client, ReleasedReferences
from meimage.cli.failures import NO_CONSENT, Wrong
from meimage.cli.photos import SUFFIXES
from meimage.cli.session import Session, pass_session, whole_ids
from meimage.cli.tables import show_table
from meimage.cli.words import KIND, SLOT, kind_of, short_id, size_word, slot_of
from meimage.v1.reference_service_pb2 import (
    KindSelection,
    ListGeneratorsRequest,
    ReleaseReferencesRequest,
    ReleaseValidation,
)

PURPOSE = "By hand, with the command line me-images"


@click.command()
@click.option("--generator", required=True, help="Who will see the photos, for example openai/gpt-image-2.")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="The folder to write to.")
@click.option("--purpose", default=PURPOSE, show_default=True, help="What the person will read in the ledger.")
@click.option("--me-image", "me_images", multiple=True, help="This me-image; may be given several times.")
@click.option("--slot", "slots", type=SLOT, multiple=True, help="Whoever holds this slot.")
@click.option("--kind", "kinds", type=KIND, multiple=True, help="The best of this kind.")
@click.option("--max", "most", type=click.IntRange(1, 100), help="How many at most, chosen by kind.")
@click.option("--validate", is_flag=True, help="Only tell what would be refused; the ledger says nothing of it.")
@pass_session
def release(  # noqa: PLR0913, PLR0917
    session: Session,
    generator: str,
    output: Path | None,
    purpose: str,
    me_images: Sequence[str],
    slots: Sequence[str],
    kinds: Sequence[str],
    most: int | None,
    validate: bool,
) -> None:
    """Release photos for a generator; the person's ledger says so for ever.

    Without --me-image and --slot the best of what is allowed, slot holders first. All or nothing.
    """
    named = bool(me_images or slots)
    if output is None and not validate:
        raise Wrong("Say where to: -o FOLDER.")
    if named and (kinds or most):
        raise Wrong("Choose either by --me-image and --slot, or by --kind and --max.")
    request = ReleaseReferencesRequest(
        user_id=session.user_id,
        slots=[slot_of(slot) for slot in slots],
        by_kind=None if named else KindSelection(kinds=[kind_of(kind) for kind in kinds], max_images=most or 0),
        generator=generator,
        purpose=purpose,
    )

    async def ask(client: Client) -> ReleasedReferences | ReleaseValidation:
        request.me_image_ids[:] = await whole_ids(client, request.user_id, me_images)
        return await (client.validate_release(request) if validate else client.release(request))

    answer = session.run(ask, as_service=True)
    if isinstance(answer, ReleasedReferences):
        _write(session, answer, output or Path())
    else:
        _tell(session, answer)


def _write(session: Session, released: ReleasedReferences, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    facts = []
    for number, image in enumerate(released.images, start=1):
        path = folder / f"{number:02}-{short_id(image.me_image_id)}.{SUFFIXES.get(image.content_type, 'bin')}"
        path.write_bytes(image.content)
        session.say(f"{path}  {image.width}x{image.height}  {size_word(len(image.content))}")
        facts.append({"file": path.name, "me_image_id": image.me_image_id, "sha256": image.sha256})
    summary = {
        "release_id": released.release_id,
        "generator": released.generator,
        "ledger_sequence": released.ledger_sequence,
        "ledger_hash": released.ledger_hash,
        "images": facts,
    }
    (folder / "release.json").write_text(json.dumps(summary, indent=2) + "\n", "utf-8")
    session.say(f"Released for {released.generator}; entry {released.ledger_sequence} of the ledger says so.")


def _tell(session: Session, validation: ReleaseValidation) -> None:
    for passed in validation.me_image_ids:
        session.say(f"{passed}\twould be released")
    for refusal in validation.refusals:
        session.say(f"{refusal.subject or 'the selection'}\t{refusal.reason}")
    if validation.refusals:
        raise Wrong(f"{len(validation.refusals)} of them would be refused, and so all.", NO_CONSENT)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="JSON with the contract's names.")
@pass_session
def generators(session: Session, as_json: bool) -> None:
    """List the generators that photos can be released for, and what they keep."""
    request = ListGeneratorsRequest()
    found = session.run(lambda client: client.references.ListGenerators(request), as_service=True).generators
    if as_json:
        session.json(found)
        return
    heads = ("generator", "photos", "what it keeps")
    rows = [(each.generator_id, str(each.max_references), each.retention_note) for each in found]
    show_table(session, heads, rows, wraps=("what it keeps",))


COMMANDS = (release, generators)
