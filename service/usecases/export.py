"""Everything of one person as a zip archive, made while it is sent, with one photo in memory at a time."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

from service.domain.callers import Caller
from service.domain.ledger import LedgerKind
from service.domain.limits import DOWNLOAD_CHUNK_BYTES
from service.domain.model import MediaId, UserId
from service.domain.objects import ORIGINAL, object_key
from service.ports.administration import BEFORE_ALL, LedgerPosition
from service.ports.outside import ObjectMissing
from service.ports.records import ListFilter, ListPosition, MediaRecord, MeImageRecord
from service.usecases import export_texts as texts
from service.usecases.archive import Archive
from service.usecases.erased import refuse_erased
from service.usecases.mutation import mutation_of_known
from service.usecases.sealed import UserSeals, seals_of
from service.usecases.verify import Break, LedgerWalk
from service.usecases.world import Hold, World

PAGE = 200


@dataclass(frozen=True, slots=True)
class Exported:
    """The end of an export: the size of the archive in bytes, and its SHA-256 in lower-case hex."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Contents:
    """What is exported, as it stood at the start; nothing of a user who was unknown."""

    user_id: UserId
    at: datetime
    seals: UserSeals | None = None
    me_images: list[MeImageRecord] = field(default_factory=list)
    media: list[MediaRecord] = field(default_factory=list)
    names: dict[MediaId, str] = field(default_factory=dict)


async def export_user(
    world: World, caller: Caller, user_id: UserId, hold: Hold
) -> AsyncGenerator[bytes | Exported, None]:
    """Tell the blocks of the archive, then its end; of a user who is unknown, an archive without photos.

    The user's ledger says so before the first block leaves. Raises UserErased, at any photo too: whoever is erased
    meanwhile leaves nothing more.
    """
    async with mutation_of_known(world, caller, user_id) as change:
        if change is not None:
            await change.enter(LedgerKind.EXPORTED)
    # Of who was unknown in that transaction nothing is looked at: what came since has no entry.
    contents = _Contents(user_id, world.clock.now()) if change is None else await _contents(world, user_id)
    size, digest = 0, hashlib.sha256()
    async with aclosing(_blocks(world, contents, hold)) as blocks:
        async for block in blocks:
            size += len(block)
            digest.update(block)
            yield block
    yield Exported(size, digest.hexdigest())


async def _blocks(world: World, contents: _Contents, hold: Hold) -> AsyncGenerator[bytes, None]:
    archive = Archive(DOWNLOAD_CHUNK_BYTES)
    _add(archive, contents, "README.txt", texts.README.format(at=texts.when(contents.at)).encode())
    for media in contents.media:
        async with hold(media.size_bytes):
            photo = await _photo(world, contents.user_id, media)
            for block in _added_photo(archive, contents, media, photo):
                yield block
    _add(archive, contents, "me-images.json", texts.as_json(await _pool_facts(world, contents)))
    async with aclosing(_ledger(world, contents, archive)) as blocks:
        async for block in blocks:
            yield block
    await refuse_erased(world, contents.user_id)
    for block in archive.rest():
        yield block


async def _contents(world: World, user_id: UserId) -> _Contents:
    wrapped = await world.store.user_key(user_id)
    me_images: list[MeImageRecord] = []
    after = None
    while True:
        _, records = await world.store.me_images(user_id, ListFilter(include_deleted=True), after, PAGE)
        me_images += records
        if len(records) < PAGE:
            break
        after = ListPosition(records[-1].created_at, records[-1].me_image_id)
    media = await world.store.media_of_user(user_id)
    names = texts.photo_names(media, me_images)
    seals = seals_of(world.vault, user_id, wrapped) if wrapped else None
    return _Contents(user_id, world.clock.now(), seals, me_images, media, names)


async def _photo(world: World, user_id: UserId, media: MediaRecord) -> bytes | None:
    """Return a photo, opened with the key as it stands now; None when it was removed in the meantime."""
    wrapped = await world.store.user_key(user_id)
    if wrapped is None:
        return None
    try:
        sealed = await world.objects.get(object_key(media.media_id, ORIGINAL))
    except ObjectMissing:
        if media.media_id in {each.media_id for each in await world.store.media_of_user(user_id)}:
            raise
        return None
    seals = seals_of(world.vault, user_id, wrapped)
    context = seals.object_context(media.media_id, ORIGINAL)
    return await asyncio.to_thread(world.vault.open, seals.key, context, sealed)


def _added_photo(archive: Archive, contents: _Contents, media: MediaRecord, photo: bytes | None) -> Iterator[bytes]:
    if photo is None:
        del contents.names[media.media_id]
        return
    with archive.file(contents.names[media.media_id], media.created_at, is_compressed=False) as file:
        for start in range(0, len(photo), DOWNLOAD_CHUNK_BYTES):
            file.write(photo[start : start + DOWNLOAD_CHUNK_BYTES])
            yield from archive.blocks()


async def _pool_facts(world: World, contents: _Contents) -> dict[str, object]:
    seals = contents.seals
    used = {record.media.media_id for record in contents.me_images}
    unclaimed = [media for media in contents.media if media.media_id not in used]
    settings = await world.store.ai_settings(contents.user_id)
    return {
        "user_id": contents.user_id,
        "exported_at": texts.when(contents.at),
        "ai_settings": texts.settings_facts(settings),
        "me_images": [texts.me_image_facts(seals.me_image(each), contents.names) for each in contents.me_images]
        if seals
        else [],
        "photos_without_me_image": [texts.media_facts(seals.media(each), contents.names) for each in unclaimed]
        if seals
        else [],
    }


async def _ledger(world: World, contents: _Contents, archive: Archive) -> AsyncGenerator[bytes, None]:
    """Add the ledger page by page, and what came of verifying it on the way."""
    walk, after, count, newest = LedgerWalk(world.vault), BEFORE_ALL, 0, ""
    first: Break | None = None
    with archive.file("ledger.json", contents.at, is_compressed=True) as file:
        about = {"user_id": contents.user_id, "rule": texts.LEDGER_RULE}
        file.write(texts.as_json(about).removesuffix(b"\n}") + b',\n  "entries": [')
        while page := await world.store.ledger_page(contents.user_id, after, PAGE):
            for held in page:
                entry, broken = walk.look(held)
                first = first or broken
                file.write((b",\n" if count else b"\n") + texts.as_json(texts.entry_facts(held.record, entry)))
                count += 1
            newest = page[-1].record.hash.hex()
            after = LedgerPosition(contents.user_id, page[-1].record.sequence)
            for block in archive.blocks():
                yield block
        file.write(b"\n]}\n")
    verified = {
        "is_intact": first is None,
        "entries": count,
        "newest_hash": newest or None,
        "first_break": {"sequence": first.sequence, "flaw": first.flaw} if first else None,
        "verified_at": texts.when(world.clock.now()),
    }
    _add(archive, contents, "ledger-verification.json", texts.as_json(verified))


def _add(archive: Archive, contents: _Contents, name: str, text: bytes) -> None:
    with archive.file(name, contents.at, is_compressed=True) as file:
        file.write(text)
