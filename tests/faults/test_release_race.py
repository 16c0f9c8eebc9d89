"""Ten thousand ends of consent against releases from other processes: none begins after an acknowledged one."""

import asyncio
import random
import sys
from asyncio.subprocess import PIPE, Process
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import chain
from pathlib import Path

import grpc
import pytest
from meimage.v1 import ledger_pb2
from meimage.v1 import me_image_pb2 as pb

from service.config import Settings
from tests import pictures, rules
from tests.chain import first_break
from tests.dev_process import environment
from tests.faults.racers import Asked, Ending, Lane, Seen, Task
from tests.people import Person, new_user_id, person
from tests.releases import SCOPES, opted_in
from tests.replay import replayed
from tests.serve_process import serving
from tests.tokens import Issuer

LANES, ASKERS = 10, 2
ENDINGS = (
    ledger_pb2.LEDGER_KIND_CONSENT_WITHDRAWN,
    ledger_pb2.LEDGER_KIND_REFERENCES_PAUSED,
)


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How many ends of consent there are in each of the two runs."""
    total = 10_000 if request.config.getoption("whole") else 1_600
    return total // 2 // LANES * LANES


async def newcomer(channel: grpc.aio.Channel, issuer: Issuer) -> tuple[Person, Lane]:
    """Somebody with two small photos that AI may use."""
    user_id = new_user_id()
    who = person(channel, issuer.user(user_id), user_id)
    photos = [pictures.jpeg(32, 32), pictures.jpeg(32, 24)]
    slots = [(pb.SLOT_FACE_REF,), ()]
    made = [(await who.upload(photo, opted_in(slots=held))).me_image for photo, held in zip(photos, slots, strict=True)]
    return who, Lane(user_id=user_id, me_image_id=made[0].me_image_id, other_id=made[1].me_image_id)


async def racing(stack: AsyncExitStack, task: Task) -> Process:
    """Start a racer."""
    racer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.racers"), stdin=PIPE, stdout=PIPE, env=environment(), limit=1 << 30
    )
    stack.callback(lambda: racer.kill() if racer.returncode is None else None)
    assert racer.stdin is not None
    racer.stdin.write(task.model_dump_json().encode() + b"\n")
    return racer


async def seen_by(racer: Process) -> Seen:
    """End a racer's input, and read what it saw."""
    assert racer.stdin is not None
    racer.stdin.close()
    said, _ = await racer.communicate()
    assert racer.returncode == 0
    return Seen.model_validate_json(said)


def never_late(asked: Sequence[Asked], endings: Sequence[Ending], entries: Sequence[ledger_pb2.LedgerEntry]) -> None:
    """Check that whatever came was entered after every end of consent that was answered before it was asked for."""
    entered = [entry for entry in entries if entry.kind in ENDINGS]
    assert [entry.me_image_id for entry in entered] == [ending.me_image_id for ending in endings]
    for of in {ending.me_image_id for ending in endings}:
        ends = [
            (end.answered, entry.sequence) for end, entry in zip(endings, entered, strict=True) if end.me_image_id == of
        ]
        for each in asked:
            if each.images and of in {"", *(me_image_id for me_image_id, _ in each.images)}:
                before = bisect_left(ends, (each.begun, 0))
                if before:
                    assert ends[before - 1][1] < each.sequence, f"entry {each.sequence} is too late"


def all_entered(asked: Sequence[Asked], entries: Sequence[ledger_pb2.LedgerEntry]) -> None:
    """Check that every byte that came is in the ledger with its digest, and that what was refused brought none."""
    for each in asked:
        if each.reason:
            assert (each.release_id, each.images) == ("", [])
            continue
        release = entries[each.sequence - 1].release
        assert release.release_id == each.release_id
        assert [(image.me_image_id, image.sha256) for image in release.images] == each.images


def met(asked: Sequence[Asked], endings: Sequence[Ending]) -> int:
    """Return at how many ends of consent a release was under way."""
    answered = [ending.answered for ending in endings]
    ranges = [range(bisect_left(answered, each.begun), bisect_left(answered, each.ended)) for each in asked]
    return len(set(chain(*ranges)))


@pytest.mark.parametrize("workers", [1, 2])
async def test_no_release_begins_after_an_acknowledged_end_of_consent(
    settings: Settings, tmp_path: Path, issuer: Issuer, seeded: random.Random, rounds: int, workers: int
) -> None:
    async with serving(settings, tmp_path, workers=workers) as (_, address), AsyncExitStack() as stack:
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        people = [await newcomer(channel, issuer) for _ in range(LANES)]
        lanes = [lane for _, lane in people]
        decider = issuer.service("me_images.write", *SCOPES, name="profile")
        asker = issuer.service(*SCOPES, name="wardrobe")

        def task(token: str, rounds: int | None) -> Task:
            return Task(address=address, token=token, seed=seeded.getrandbits(32), lanes=lanes, rounds=rounds)

        askers = [await racing(stack, task(asker, None)) for _ in range(ASKERS)]
        decided = await seen_by(await racing(stack, task(decider, rounds // LANES)))
        asked = [decided.asked, *(seen.asked for seen in await asyncio.gather(*map(seen_by, askers)))]
        meetings = 0
        for number, (who, _) in enumerate(people):
            entries = await rules.entries(who)
            assert first_break(entries) is None
            replayed(entries)
            here = [each for each in chain(*asked) if each.lane == number]
            never_late(here, decided.endings[number], entries)
            all_entered(here, entries)
            meetings += met(here, decided.endings[number])
    released = sum(not each.reason for each in chain(*asked))
    print(f"{rounds} rounds, {released} releases, of ends of consent {meetings} met one")  # noqa: T201 # as seeds are
    assert sum(map(len, decided.endings)) == rounds
    assert min(released, meetings) > rounds / 50, "the race was none"
