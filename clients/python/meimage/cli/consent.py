"""`allow-ai`, `deny-ai`, `pause-ai`, `resume-ai`, `ledger`: what AI may use, and what it did use."""

from collections.abc import Sequence

import click
from rich.text import Text

from meimage import Client, verify_entries
from meimage.cli.session import Session, pass_session, whole_ids
from meimage.cli.tables import Cell, show_table
from meimage.cli.words import short_id, time_word
from meimage.ledger import all_entries
from meimage.v1 import me_image_service_pb2 as rpc
from meimage.v1.ledger_pb2 import LedgerEntry, LedgerKind


@click.command("allow-ai")
@click.argument("me_images", nargs=-1, required=True)
@pass_session
def allow_ai(session: Session, me_images: Sequence[str]) -> None:
    """Allow AI image generation to use me-images."""
    _set(session, me_images, enabled=True)


@click.command("deny-ai")
@click.argument("me_images", nargs=-1, required=True)
@pass_session
def deny_ai(session: Session, me_images: Sequence[str]) -> None:
    """Take the permission back, from now on."""
    _set(session, me_images, enabled=False)


def _set(session: Session, me_images: Sequence[str], *, enabled: bool) -> None:
    user_id = session.user_id

    async def change(client: Client) -> None:
        for whole in await whole_ids(client, user_id, me_images):
            request = rpc.SetAiReferenceEnabledRequest(user_id=user_id, me_image_id=whole, enabled=enabled)
            await client.pool.SetAiReferenceEnabled(request)
            session.say(f"AI may {'' if enabled else 'not '}use {short_id(whole)}.")

    session.run(change)


@click.command("pause-ai")
@pass_session
def pause_ai(session: Session) -> None:
    """Stop all use by AI at once, whatever is allowed."""
    _switch(session, enabled=False)
    session.say("AI may use none of the photos.")


@click.command("resume-ai")
@pass_session
def resume_ai(session: Session) -> None:
    """Let AI use again what is allowed."""
    _switch(session, enabled=True)
    session.say("AI may use the photos that are allowed.")


def _switch(session: Session, *, enabled: bool) -> None:
    request = rpc.UpdateAiSettingsRequest(user_id=session.user_id, references_enabled=enabled)
    session.run(lambda client: client.pool.UpdateAiSettings(request))


@click.command()
@click.option("--releases", is_flag=True, help="Only what was handed out.")
@click.option("--verify", is_flag=True, help="Only compute every hash again, and say whether the ledger is unbroken.")
@click.option("--json", "as_json", is_flag=True, help="JSON with the contract's names.")
@pass_session
def ledger(session: Session, releases: bool, verify: bool, as_json: bool) -> None:
    """Who used my face: every permission, pause and release, newest first."""
    user_id = session.user_id
    entries = session.run(lambda client: all_entries(client.pool, user_id))
    if verify:
        verified = verify_entries(user_id, entries)
        session.say(f"The ledger is unbroken: {verified.entries} entries, head {verified.head_hash}.")
        return
    shown = [each for each in reversed(entries) if not releases or each.HasField("release")]
    if as_json:
        session.json(shown)
        return
    heads = ("#", "when", "what", "who", "for what", "me-images")
    show_table(session, heads, [_row(each) for each in shown], wraps=("for what", "me-images"))


KIND_WORDS = {
    LedgerKind.LEDGER_KIND_CONSENT_GIVEN: Text("AI allowed", "green"),
    LedgerKind.LEDGER_KIND_CONSENT_WITHDRAWN: Text("permission withdrawn", "yellow"),
    LedgerKind.LEDGER_KIND_REFERENCES_PAUSED: Text("all AI use paused", "yellow"),
    LedgerKind.LEDGER_KIND_REFERENCES_RESUMED: Text("AI use resumed", "green"),
    LedgerKind.LEDGER_KIND_REFERENCES_RELEASED: Text("released", "bold red"),
    LedgerKind.LEDGER_KIND_EXPORTED: Text("all exported", "bold"),
}


def _row(each: LedgerEntry) -> list[Cell]:
    ids = [image.me_image_id for image in each.release.images] or [each.me_image_id] * bool(each.me_image_id)
    what = KIND_WORDS.get(each.kind, Text(LedgerKind.Name(each.kind)))
    purpose = f"{each.release.generator}: {each.release.purpose}" if each.HasField("release") else ""
    about = " ".join(short_id(one) for one in ids)
    return [str(each.sequence), time_word(each.time), what, each.caller, purpose, about]


COMMANDS = (allow_ai, deny_ai, pause_ai, resume_ai, ledger)
