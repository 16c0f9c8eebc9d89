"""The release gate. DESIGN section 6, the release walk.

Everything that takes time comes first, without a transaction. Then one transaction locks the person, judges every
me-image anew, reads the person's key and enters the release in the ledger. What was fetched is opened after its commit
alone and with that key, so that nothing withdrawn, deleted or erased before can leave.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

from service.domain.errors import (
    AiReferencesPaused,
    ConsentNotGiven,
    MeImageNotFound,
    Overloaded,
    ReferencesRefused,
    Refusal,
)
from service.domain.ledger import LedgerHead, ReleasedImage, ReleaseFacts
from service.domain.objects import object_key
from service.ports.outside import ObjectMissing
from service.ports.records import ReferenceRecord
from service.ports.sealing import SealBroken
from service.usecases.mutation import Mutation, begun
from service.usecases.release_plan import RELEASE, Order, Picture, Plan, Release, chosen, pictures_of, plan_release
from service.usecases.renditions import ensure_rendition
from service.usecases.sealed import UserSeals
from service.usecases.world import World

ATTEMPTS = 5
"""How often a release begins anew because what it had fetched is no longer what was asked for."""


@dataclass(frozen=True, slots=True)
class Released:
    """A release in the ledger, and its images, each still ``sealed``, with the key that was read for it.

    ``sealed`` gets emptier while the images are opened, so that no more than all of them is in memory.
    """

    release: Release
    seals: UserSeals
    sealed: deque[bytes]


async def release_references(world: World, plan: Plan) -> Released:
    """Enter a release in the ledger and return what may be handed out.

    Raises:
        ReferencesRefused: something must not leave any more.
        RequestIdReused: the ``request_id`` belongs to another request.
        UndecodableImage, Overloaded: a rendition cannot be made, or not now.
    """
    for attempt in range(ATTEMPTS):
        try:
            pictures, sealed = await _fetched(world, plan)
        except (ObjectMissing, MeImageNotFound):
            # Removed for good a moment ago, as the next plan will say, or else a fault of ours.
            if plan.earlier is not None:
                await _enter(world, plan, ())  # says which consent has ended; of no pictures there is no release
            if attempt == ATTEMPTS - 1:
                raise
        else:
            entered = await _enter(world, plan, pictures)
            if entered is not None:
                return Released(*entered, deque(sealed))
        plan = await plan_release(world, plan.order)
    raise Overloaded


async def opened_images(world: World, released: Released) -> AsyncGenerator[bytes, None]:
    """Open the images of a release in their order, each whole; while one is handed out, the next is opened.

    Raises SealBroken, too, when one is not what the ledger says.
    """
    count = len(released.sealed)
    opening = _opening(world, released, 0)
    try:
        for index in range(count):
            content = await opening
            if index + 1 < count:
                opening = _opening(world, released, index + 1)
            yield content
    finally:
        opening.cancel()  # a failure that nobody will fetch is then not reported either


def _opening(world: World, released: Released, index: int) -> asyncio.Task[bytes]:
    release, seals, sealed = released.release, released.seals, released.sealed.popleft()
    context = seals.object_context(release.pictures[index].media_id, release.pictures[index].variant)

    def open_whole() -> bytes:
        content = world.vault.open(seals.key, context, sealed)
        if hashlib.sha256(content).hexdigest() != release.digests[index]:
            raise SealBroken
        return content

    return asyncio.create_task(asyncio.to_thread(open_whole))


async def _fetched(world: World, plan: Plan) -> tuple[tuple[Picture, ...], tuple[bytes, ...]]:
    """Make what is missing, one after another, and fetch everything, sealed as it is."""
    records = tuple([await _with_rendition(world, plan, record) for record in plan.records])
    pictures = plan.earlier.pictures if plan.earlier else pictures_of(records) or ()
    keys = (object_key(picture.media_id, picture.variant) for picture in pictures)
    return pictures, tuple(await asyncio.gather(*(world.objects.get(key) for key in keys)))


async def _with_rendition(world: World, plan: Plan, record: ReferenceRecord) -> ReferenceRecord:
    if record.rendition is not None:
        return record
    order = plan.order
    made = await ensure_rendition(world, order.caller, order.user_id, record.media, plan.generator.rendition)
    return replace(record, rendition=made)


async def _enter(world: World, plan: Plan, pictures: tuple[Picture, ...]) -> tuple[Release, UserSeals] | None:
    """Judge under the lock and enter the release; None when these are not the pictures that are asked for now."""
    order = plan.order
    async with world.store.transaction(order.user_id) as tx:
        locked = await tx.lock_references(order.user_id, order.selection, plan.generator.rendition)
        if locked is None:
            raise ReferencesRefused([Refusal("", ConsentNotGiven)])
        change = begun(world, order.caller, tx, locked.user)
        earlier = await _made_before(change, order)
        if earlier is not None:
            return (earlier, change.seals) if earlier.pictures == pictures else None
        records = chosen(order, plan.generator, locked.references)
        if pictures_of(records) != pictures:
            return None
        release = await _entered(change, order, locked.head, records, pictures)
        if order.request_id is not None:
            digest = RELEASE.digest(change.seals, order.content)
            kept = RELEASE.keep(change.seals, order.request_id, digest, release, change.at)
            await change.tx.add_request(order.user_id, kept)
        return release, change.seals


async def _entered(
    change: Mutation,
    order: Order,
    head: LedgerHead,
    records: tuple[ReferenceRecord, ...],
    pictures: tuple[Picture, ...],
) -> Release:
    digests = tuple(_digest(change, record) for record in records)
    images = tuple(
        ReleasedImage(picture.me_image_id, picture.rendition, digest)
        for picture, digest in zip(pictures, digests, strict=True)
    )
    facts = ReleaseFacts(change.ids.new_id(), order.generator, order.purpose, images)
    entry = await change.enter_release(head, facts)
    about = (facts.release_id, change.at, order.generator)
    return Release(*about, entry.sequence, entry.hash.hex(), pictures, digests)


def _digest(change: Mutation, record: ReferenceRecord) -> str:
    made = record.rendition
    if made is None or made.sealed_facts is None:
        raise SealBroken
    return change.seals.digest(record.media.media_id, made.variant, made.sealed_facts)


async def _made_before(change: Mutation, order: Order) -> Release | None:
    """Return the release that the same ``request_id`` made, while the consents that it stands on have held.

    Raises ReferencesRefused for those that ended since, even if they were given again: a new release may use them.
    """
    if order.request_id is None:
        return None
    kept = await change.tx.request(order.user_id, order.request_id)
    if kept is None:
        return None
    release = RELEASE.replay(change.seals, kept, RELEASE.digest(change.seals, order.content))
    me_image_ids = [picture.me_image_id for picture in release.pictures]
    withdrawn, paused = await change.tx.ended_consents(order.user_id, release.sequence, me_image_ids)
    refusals = [Refusal(str(each), ConsentNotGiven) for each in me_image_ids if each in withdrawn]
    if paused:
        refusals += [Refusal(str(each), AiReferencesPaused) for each in me_image_ids if each not in withdrawn]
    if refusals:
        raise ReferencesRefused(refusals)
    return release
