"""`watch`: what happens to the pool, line by line."""

import json

import click
from google.protobuf.json_format import MessageToDict

from meimage import Client
from meimage.cli.session import Session, pass_session
from meimage.cli.words import kind_word, local_time, short_id, slot_words
from meimage.v1.event_pb2 import MeImageEvent


@click.command()
@click.option("--all", "everybody", is_flag=True, help="Everybody's photos; needs a service's token.")
@click.option("--resume", "token", default="", help="Go on after this resume token of --json; left out, from now on.")
@click.option("--json", "as_json", is_flag=True, help="An object a line: the event and its resume token.")
@pass_session
def watch(session: Session, everybody: bool, token: str, as_json: bool) -> None:
    """Tell what happens, until Ctrl-C; goes on by itself when the server was away."""
    user_id = None if everybody else session.user_id

    async def follow(client: Client) -> None:
        async for event, resume_token in client.watch(user_id, token):
            if as_json:
                plain = MessageToDict(event, preserving_proto_field_name=True)
                session.say(json.dumps({"event": plain, "resume_token": resume_token}))
            else:
                session.say(_line(event, name_user=everybody))
            session.out.file.flush()

    session.run(follow, as_service=everybody)


def _line(event: MeImageEvent, *, name_user: bool) -> str:
    who = f"{event.user_id}  " * name_user
    about = short_id(event.me_image_id) or "all"
    return f"{local_time(event.time):%Y-%m-%d %H:%M:%S}  {who}{about:<8}  {what_happened(event)}  by {event.caller}"


def what_happened(event: MeImageEvent) -> str:
    """Say in words what an event tells; of one that a newer server has added, that something changed."""
    fact = event.WhichOneof("fact")
    if fact == "primary_changed":
        slot = slot_words([event.primary_changed.slot])
        return f"holds {slot}" if event.primary_changed.me_image_id else f"holds {slot} no more"
    words = {
        "added": f"added as {kind_word(event.added.kind)}",
        "updated": f"changed: {', '.join(event.updated.changed_paths)}",
        "ai_reference_toggled": "allowed for AI" if event.ai_reference_toggled.enabled else "not allowed for AI",
        "deleted": "deleted",
        "restored": "undeleted",
        "purged": "removed for good",
        "user_erased": "everything erased for good",
        "ai_settings_changed": "AI use resumed" if event.ai_settings_changed.references_enabled else "AI use paused",
    }
    return words.get(fact or "", "something changed")


COMMANDS = (watch,)
