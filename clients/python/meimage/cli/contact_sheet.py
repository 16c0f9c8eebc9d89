"""`contact-sheet`: the pool as one page that needs nothing else, to look at in a browser or to print."""

import base64
import sys
from collections.abc import Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import click

from meimage import Client
from meimage.cli.session import Session, all_me_images, pass_session
from meimage.cli.words import kind_word, local_time, short_id, size_word, slot_words
from meimage.v1.me_image_pb2 import AiSettings, MeImage
from meimage.v1.me_image_service_pb2 import GetAiSettingsRequest


@click.command("contact-sheet")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@pass_session
def contact_sheet(session: Session, output: Path) -> None:
    """Make one self-contained HTML page: thumbnails, slots, and what AI may use. It holds the photos: keep it safe."""
    user_id = session.user_id

    async def fetch(client: Client) -> tuple[list[MeImage], AiSettings]:
        settings = await client.pool.GetAiSettings(GetAiSettingsRequest(user_id=user_id))
        return await all_me_images(client, user_id, full=True), settings.ai_settings

    me_images, settings = session.run(fetch)
    written = page(me_images, settings, datetime.now().astimezone())
    if output == Path("-"):
        sys.stdout.write(written)
        return
    output.write_text(written, "utf-8")
    session.say(f"{output}  {len(me_images)} photos  {size_word(len(written))}")


def page(me_images: Sequence[MeImage], settings: AiSettings, now: datetime) -> str:
    """Return the page. Whatever a person wrote is escaped, and the page runs no script."""
    template = Template(files("meimage.cli").joinpath("contact_sheet.html").read_text("utf-8"))
    allowed = sum(each.usage.ai_reference for each in me_images)
    paused = "" if settings.references_enabled else _PAUSED
    count = f"{len(me_images)} photo{'' if len(me_images) == 1 else 's'}"
    cards = "\n".join(_card(each, paused=bool(paused)) for each in me_images) or _EMPTY
    return template.substitute(
        count=count, allowed=f"{allowed} allowed for AI", paused=paused, cards=cards, made=f"{now:%Y-%m-%d %H:%M}"
    )


_PAUSED = """<p class="paused" role="status"><strong>All AI use is paused.</strong>
Nothing is released, whatever is allowed below.</p>
"""
_EMPTY = '<li class="empty">No photos yet.</li>'
_CARD = Template("""<li class="card">
<div class="photo"><img src="data:image/webp;base64,$image" alt="$alt"><div class="slots">$slots</div></div>
<div class="words">
<h2>$name</h2>
<p class="ai $state">$words</p>
<p class="facts">$facts</p>
<p class="tags">$tags</p>
<p class="id"><code>$id</code><span>$date</span></p>
</div></li>""")


def _card(each: MeImage, *, paused: bool) -> str:
    kind, label = kind_word(each.kind), escape(each.label)
    state, words = "no", "not for AI"
    if each.usage.ai_reference:
        state, words = ("paused", "allowed, paused") if paused else ("yes", "AI may use it")
    media = each.media
    facts = [*([kind] if label else []), f"{media.width} x {media.height}", size_word(media.size_bytes)]
    return _CARD.substitute(
        image=base64.b64encode(each.thumbnail).decode(),
        alt=label or kind,
        slots="".join(f'<span class="slot">{word}</span>' for word in slot_words(each.slots).split(", ") if word),
        name=label or f"<em>{kind}</em>",
        state=state,
        words=words,
        date=f"{local_time(each.create_time):%Y-%m-%d}",
        facts=" · ".join(facts),
        tags="".join(f"<span>{escape(tag)}</span>" for tag in each.tags),
        id=short_id(each.me_image_id),
    )


COMMANDS = (contact_sheet,)
