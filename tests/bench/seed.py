"""People with me-images, put into the tables by COPY: real ones, who can be called, among others who only take room.

A row of a real person is what the service would have written. The others' sealed columns are random bytes of the same
size. Every person has as many me-images, and they lie apart in the tables, as those of people who come back do.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg

from service.adapters.keks import read_keks
from service.adapters.vault import KeyVault
from service.domain.model import MediaId, MeImageId, UserId
from service.ports.sealing import WrappedKey
from service.usecases.sealed import UserSeals, seals_of

USERS = ("user_id", "revision", "wrapped_key", "created_at")
_PHOTO = ("content_digest", "content_type", "size_bytes", "width", "height")
MEDIA = ("user_id", "media_id", "state", *_PHOTO, "sealed_facts", "created_at")
_FACTS = ("kind", "ai_reference", "show_in_profile", "sealed_text")
RENDITIONS = ("user_id", "media_id", "rendition", "variant", *_PHOTO[1:], "sealed_facts", "state", "made_at")
ME_IMAGES = ("user_id", "me_image_id", "media_id", *_FACTS, "revision", "created_at", "updated_at")
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_WHOLE = 1 << 128
_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""Odd, so that multiples modulo 2**128 never meet: ids all over the range, and never the same twice."""

_HEADER = 9
"""Bytes of a wrapped key that say its epoch, which must be one that the server knows."""

_FOREIGN_KEYS = """
    SELECT conrelid::regclass::text AS owner, conname AS name, pg_get_constraintdef(oid) AS rule FROM pg_constraint
    WHERE contype = 'f' AND conrelid IN ('media'::regclass, 'me_images'::regclass)
"""


@dataclass(frozen=True)
class Crowd:
    """So many people with so many me-images each, and every ``called_every``-th of them real.

    ``is_prepared``: the default reference of every media has a row as if it were made, though the bucket has nothing.
    """

    name: str
    people: int
    me_images: int
    called_every: int = 1
    is_prepared: bool = False

    def user_id(self, number: int) -> UserId:
        """Return a person's id."""
        return UserId(f"user-{self.name}-{number:08}-{number * 2654435761 % 2**32:08x}-0123456789")

    def media_id(self, number: int, place: int) -> MediaId:
        """Return the id of a person's media."""
        return MediaId(UUID(int=(2 * (place * self.people + number) + 2) * _SPREAD % _WHOLE))

    def me_image_id(self, number: int, place: int) -> MeImageId:
        """Return the id of a person's me-image."""
        return MeImageId(UUID(int=(2 * (place * self.people + number) + 1) * _SPREAD % _WHOLE))

    def write_called(self, file: Path) -> None:
        """Write the ids of all who can be called, for clients."""
        called = [
            [self.user_id(number), *(str(self.me_image_id(number, place)) for place in range(self.me_images))]
            for number in range(0, self.people, self.called_every)
        ]
        file.write_text(json.dumps(called), "utf-8")


class _Rows:
    """The rows of a crowd."""

    def __init__(self, crowd: Crowd, vault: KeyVault) -> None:
        self._crowd = crowd
        called = [crowd.user_id(number) for number in range(0, crowd.people, crowd.called_every)]
        self._keys = {user_id: vault.new_user_key(user_id) for user_id in called}
        self._seals = {user_id: seals_of(vault, user_id, key) for user_id, key in self._keys.items()}
        some = self._seals[called[0]]
        blob = self._keys[called[0]].blob
        self._key = WrappedKey(blob[:_HEADER] + os.urandom(len(blob) - _HEADER))
        self._facts = os.urandom(len(_facts(some, crowd.media_id(0, 0))))
        self._text = os.urandom(len(_text(some, crowd.me_image_id(0, 0))))

    def users(self) -> Iterator[tuple[object, ...]]:
        for number in range(self._crowd.people):
            user_id = self._crowd.user_id(number)
            yield user_id, 1, self._keys.get(user_id, self._key).blob, _BEGAN

    def media(self) -> Iterator[tuple[object, ...]]:
        for number, place, user_id, at in self._places():
            media_id, seals = self._crowd.media_id(number, place), self._seals.get(user_id)
            facts = _facts(seals, media_id) if seals else self._facts
            content = (media_id.bytes * 2, "image/jpeg", 100_000, 640, 480)
            yield user_id, media_id, "ready", *content, facts, at

    def renditions(self) -> Iterator[tuple[object, ...]]:
        for number, place, user_id, at in self._places() if self._crowd.is_prepared else ():
            media_id, content = self._crowd.media_id(number, place), ("image/png", 1_000_000, 640, 480)
            yield user_id, media_id, "png-1024", f"png-1024/{media_id}", *content, self._facts, "ready", at

    def me_images(self) -> Iterator[tuple[object, ...]]:
        for number, place, user_id, at in self._places():
            me_image_id, seals = self._crowd.me_image_id(number, place), self._seals.get(user_id)
            text = _text(seals, me_image_id) if seals else self._text
            media_id = self._crowd.media_id(number, place)
            yield user_id, me_image_id, media_id, "FACE", False, True, text, 1, at, at

    def _places(self) -> Iterator[tuple[int, int, UserId, datetime]]:
        for place in range(self._crowd.me_images):
            at = _BEGAN + timedelta(days=place)
            for number in range(self._crowd.people):
                yield number, place, self._crowd.user_id(number), at


async def seed(url: str, kek_file: Path, crowd: Crowd) -> None:
    """Load a crowd; foreign keys are checked when all rows are there. Afterwards VACUUM ANALYZE."""
    rows = await asyncio.to_thread(lambda: _Rows(crowd, KeyVault(read_keks(kek_file))))
    connection = await asyncpg.connect(url)
    try:
        keys = await connection.fetch(_FOREIGN_KEYS)
        for key in keys:
            await connection.execute(f'ALTER TABLE {key["owner"]} DROP CONSTRAINT "{key["name"]}"')
        await connection.copy_records_to_table("users", records=rows.users(), columns=USERS, timeout=1800)
        await connection.copy_records_to_table("media", records=rows.media(), columns=MEDIA, timeout=1800)
        await connection.copy_records_to_table("renditions", records=rows.renditions(), columns=RENDITIONS)
        await connection.copy_records_to_table("me_images", records=rows.me_images(), columns=ME_IMAGES, timeout=1800)
        for key in keys:
            await connection.execute(f'ALTER TABLE {key["owner"]} ADD CONSTRAINT "{key["name"]}" {key["rule"]}')
        await connection.execute("VACUUM ANALYZE users, media, me_images")
    finally:
        await connection.close()


def _facts(seals: UserSeals, media_id: MediaId) -> bytes:
    return seals.seal_facts(media_id, "IMG_0001.jpg", "0" * 64)


def _text(seals: UserSeals, me_image_id: MeImageId) -> bytes:
    return seals.seal_text(me_image_id, "at the lake, picture 1", ("summer", "outdoors", "glasses"))
