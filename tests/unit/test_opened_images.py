"""The images of a release, opened one ahead: in their order, none that is not what the ledger says."""

import asyncio
import gc
import hashlib
import os
import uuid
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import pytest

from service.adapters.vault import KeyVault
from service.domain.model import Kind, MediaId, MediaType, MeImageId, Rendition, UserId
from service.ports.sealing import SealBroken
from service.usecases.release import Released, opened_images
from service.usecases.release_plan import Picture, Release
from service.usecases.sealed import seals_of
from service.usecases.world import World

CONTENTS = (b"first", b"second", b"third")


@dataclass(frozen=True)
class _Vaulted:
    """All of a world that opening needs."""

    vault: KeyVault


VAULT = KeyVault({1: os.urandom(32)})
WORLD = cast("World", _Vaulted(VAULT))


def _released(*, other: int | None = None, broken: int | None = None) -> Released:
    """A release of CONTENTS, one of them perhaps with another digest, or with a bit turned in its object."""
    user_id = UserId(f"user-{uuid.uuid4()}")
    seals = seals_of(VAULT, user_id, VAULT.new_user_key(user_id))
    pictures, digests, sealed = [], [], deque[bytes]()
    for index, content in enumerate(CONTENTS):
        media_id, variant = MediaId(uuid.uuid4()), f"png-1024/{index}"
        about = (MeImageId(uuid.uuid4()), Kind.FACE, media_id, Rendition.PNG_1024, variant, MediaType.PNG)
        pictures.append(Picture(*about, len(content), 1, 1))
        digests.append(hashlib.sha256(b"" if index == other else content).hexdigest())
        blob = VAULT.seal(seals.key, seals.object_context(media_id, variant), content)
        sealed.append(blob[:-1] + bytes([blob[-1] ^ (index == broken)]))
    release = Release(uuid.uuid4(), datetime.now(UTC), "a/generator", 1, "", tuple(pictures), tuple(digests))
    return Released(release, seals, sealed)


async def test_all_are_opened_in_their_order_and_let_go() -> None:
    released = _released()
    async with aclosing(opened_images(WORLD, released)) as contents:
        assert [content async for content in contents] == list(CONTENTS)
    assert not released.sealed


@pytest.mark.parametrize("bad", range(len(CONTENTS)))
@pytest.mark.parametrize("how", ["other", "broken"])
async def test_what_the_ledger_does_not_say_is_never_handed_out(how: str, bad: int) -> None:
    released = _released(other=bad) if how == "other" else _released(broken=bad)
    async with aclosing(opened_images(WORLD, released)) as contents:
        assert [await anext(contents) for _ in range(bad)] == list(CONTENTS[:bad])
        with pytest.raises(SealBroken):
            await anext(contents)


async def test_nothing_is_left_behind_by_a_caller_who_goes() -> None:
    """Neither the image opened ahead nor its failure, which nobody would fetch."""
    complaints: list[object] = []
    loop, others = asyncio.get_running_loop(), asyncio.all_tasks()
    loop.set_exception_handler(lambda _loop, complaint: complaints.append(complaint))
    try:
        async with aclosing(opened_images(WORLD, _released(broken=1))) as contents:
            assert await anext(contents) == CONTENTS[0]
            await asyncio.wait(asyncio.all_tasks() - others)
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    assert asyncio.all_tasks() <= others
    assert complaints == []
