"""`list`, `show`, `set-primary`, `clear-primary`, `delete`, `undelete`: the pool and its entries."""

from collections.abc import Sequence

import click
from rich.text import Text

from meimage import Client
from meimage.cli.session import Session, all_me_images, pass_session, whole_ids
from meimage.cli.tables import Cell, show_table
from meimage.cli.words import (
    KIND,
    SLOT,
    kind_of,
    kind_word,
    short_id,
    size_word,
    slot_of,
    slot_words,
    time_word,
)
from meimage.v1 import me_image_service_pb2 as rpc
from meimage.v1.me_image_pb2 import MeImage


@click.command("list")
@click.option("--kind", "kinds", type=KIND, multiple=True, help="Only this kind; may be given several times.")
@click.option("--deleted", is_flag=True, help="Deleted ones, too, until they are removed for good.")
@click.option("--json", "as_json", is_flag=True, help="JSON with the contract's names.")
@pass_session
def list_(session: Session, kinds: Sequence[str], deleted: bool, as_json: bool) -> None:
    """List the me-images, newest first."""
    user_id, wanted = session.user_id, {kind_of(kind) for kind in kinds}
    full = session.out.is_terminal and not as_json
    found = session.run(lambda client: all_me_images(client, user_id, full=full, include_deleted=deleted))
    shown = [each for each in found if not wanted or each.kind in wanted]
    if as_json:
        session.json(shown)
    elif not shown and session.out.is_terminal:
        session.say("No photos yet: me-images upload PHOTO...")
    else:
        heads = ("id", "kind", "label", "slots", "AI", "size", "created")
        rows = [_row(each, whole_id=not full) for each in shown]
        show_table(session, heads, rows, wraps=("label",), thumbnails=[each.thumbnail for each in shown])


def _row(each: MeImage, *, whole_id: bool) -> list[Cell]:
    return [
        each.me_image_id if whole_id else short_id(each.me_image_id),
        kind_word(each.kind),
        each.label or Text("-", "dim"),
        slot_words(each.slots) or Text("-", "dim"),
        _ai(each),
        f"{each.media.width}x{each.media.height}  {size_word(each.media.size_bytes)}",
        time_word(each.create_time),
    ]


def _ai(each: MeImage) -> Text:
    if each.HasField("delete_time"):
        return Text("deleted", "red")
    return Text("allowed", "green") if each.usage.ai_reference else Text("no", "dim")


@click.command()
@click.argument("me_image")
@click.option("--json", "as_json", is_flag=True, help="JSON with the contract's names.")
@pass_session
def show(session: Session, me_image: str, as_json: bool) -> None:
    """Show all that is known of a me-image."""
    user_id = session.user_id

    async def get(client: Client) -> MeImage:
        (whole,) = await whole_ids(client, user_id, [me_image])
        return (await client.pool.GetMeImage(rpc.GetMeImageRequest(user_id=user_id, me_image_id=whole))).me_image

    each = session.run(get)
    if as_json:
        session.json(each)
        return
    media = each.media
    facts = {
        "id": each.me_image_id,
        "kind": kind_word(each.kind),
        "label": each.label,
        "tags": ", ".join(each.tags),
        "slots": slot_words(each.slots),
        "AI use": "allowed" if each.usage.ai_reference else "not allowed",
        "in profiles": "shown" if each.usage.show_in_profile else "not shown",
        "file": each.media.filename,
        "media": f"{media.content_type}, {media.width}x{media.height}, {size_word(media.size_bytes)}",
        "sha256": each.media.sha256,
        "created": time_word(each.create_time),
        "deleted": time_word(each.delete_time) if each.HasField("delete_time") else "",
        "gone for good": time_word(each.purge_time) if each.HasField("purge_time") else "",
    }
    for name, value in facts.items():
        if value:
            session.say(f"{name + ':':<15}{value}")


@click.command("set-primary")
@click.argument("slot", type=SLOT)
@click.argument("me_image")
@pass_session
def set_primary(session: Session, slot: str, me_image: str) -> None:
    """Make a me-image the holder of a slot; whoever held it stays in the pool."""
    user_id = session.user_id

    async def change(client: Client) -> rpc.SetPrimaryResponse:
        (whole,) = await whole_ids(client, user_id, [me_image])
        return await client.pool.SetPrimary(
            rpc.SetPrimaryRequest(user_id=user_id, me_image_id=whole, slot=slot_of(slot))
        )

    answer = session.run(change)
    before, now = answer.previous_me_image_id, answer.me_image.me_image_id
    was = "as before" if before == now else f"before: {short_id(before)}" if before else "which was empty"
    session.say(f"{short_id(now)} holds {slot}, {was}.")


@click.command("clear-primary")
@click.argument("slot", type=SLOT)
@pass_session
def clear_primary(session: Session, slot: str) -> None:
    """Empty a slot."""
    request = rpc.ClearPrimaryRequest(user_id=session.user_id, slot=slot_of(slot))
    before = session.run(lambda client: client.pool.ClearPrimary(request)).previous_me_image_id
    session.say(f"{slot} is empty, {f'before: {short_id(before)}' if before else 'as before'}.")


@click.command()
@click.argument("me_images", nargs=-1, required=True)
@pass_session
def delete(session: Session, me_images: Sequence[str]) -> None:
    """Delete me-images: they leave slots and AI use at once, and for good after some time."""
    user_id = session.user_id

    async def change(client: Client) -> None:
        for whole in await whole_ids(client, user_id, me_images):
            request = rpc.DeleteMeImageRequest(user_id=user_id, me_image_id=whole)
            gone = (await client.pool.DeleteMeImage(request)).me_image
            session.say(f"{short_id(whole)} is deleted; until {time_word(gone.purge_time)} it can be undeleted.")

    session.run(change)


@click.command()
@click.argument("me_images", nargs=-1, required=True)
@pass_session
def undelete(session: Session, me_images: Sequence[str]) -> None:
    """Bring deleted me-images back, not allowed for AI and holding no slot."""
    user_id = session.user_id

    async def change(client: Client) -> None:
        for whole in await whole_ids(client, user_id, me_images):
            await client.pool.UndeleteMeImage(rpc.UndeleteMeImageRequest(user_id=user_id, me_image_id=whole))
            session.say(f"{short_id(whole)} is back; AI may not use it, and it holds no slot.")

    session.run(change)


COMMANDS = (list_, show, set_primary, clear_primary, delete, undelete)
