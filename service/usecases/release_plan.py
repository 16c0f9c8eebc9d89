"""What a release asks for, and what it would hand out: the part that needs no lock."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter

from service.domain.callers import Caller
from service.domain.errors import ReferencesRefused, UnknownGenerator
from service.domain.generators import Generator
from service.domain.model import Kind, MediaId, MediaType, MeImageId, Rendition, RequestId, UserId
from service.domain.references import Judgement, Selection, judge
from service.ports.records import ReferenceRecord, References
from service.usecases.answers import Retryable
from service.usecases.renditions import MAKING_BYTES
from service.usecases.sealed import seals_of
from service.usecases.world import World


@dataclass(frozen=True, slots=True)
class Order:
    """Who asks for whose references, for which generator and for what."""

    caller: Caller
    user_id: UserId
    selection: Selection
    generator: str
    purpose: str
    request_id: RequestId | None

    @property
    def content(self) -> object:
        """All that was asked for, and by whom: the ledger names the caller, so a retry must be that caller's own."""
        selection = self.selection
        by_kind = selection.by_kind and (sorted(selection.by_kind.kinds), selection.by_kind.most)
        return (str(self.caller), selection.me_image_ids, selection.slots, by_kind, self.generator, self.purpose)


@dataclass(frozen=True, slots=True)
class Picture:
    """One image to be handed out, and where its object lies; sizes are bytes and pixels."""

    me_image_id: MeImageId
    kind: Kind
    media_id: MediaId
    rendition: Rendition
    variant: str
    content_type: MediaType
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Release:
    """A release that is in the ledger; ``hash`` and ``digests``, SHA-256 of each image, in lower-case hex."""

    release_id: UUID
    at: datetime
    generator: str
    sequence: int
    hash: str
    pictures: tuple[Picture, ...]
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found: me-images that pass as things stand, or the release that an earlier call made."""

    order: Order
    generator: Generator
    records: tuple[ReferenceRecord, ...]
    earlier: Release | None

    @property
    def size_bytes(self) -> int:
        """How much of photos is in memory while this is carried out: what is missing is made one after another."""
        if self.earlier is not None:
            return sum(picture.size_bytes for picture in self.earlier.pictures)
        made = (record.rendition.size_bytes for record in self.records if record.rendition)
        photos = [record.media.size_bytes for record in self.records if not record.rendition]
        return sum(made) + len(photos) * MAKING_BYTES + max(photos, default=0)


RELEASE = Retryable("ReleaseReferences", TypeAdapter(Release))


async def plan_release(world: World, order: Order) -> Plan:
    """Find what a release would hand out.

    Raises:
        UnknownGenerator: the registry has no such generator.
        ReferencesRefused: something must not leave, or is not there.
        RequestIdReused: the ``request_id`` belongs to another request.
    """
    generator = generator_of(world, order.generator)
    earlier = await _earlier(world, order)
    if earlier is not None:
        return Plan(order, generator, (), earlier)
    found = await world.store.references(order.user_id, order.selection, generator.rendition)
    return Plan(order, generator, chosen(order, generator, found), None)


async def validate_release(world: World, order: Order) -> Judgement:
    """Tell what would be released and what refused, without doing it. Raises UnknownGenerator."""
    generator = generator_of(world, order.generator)
    found = await world.store.references(order.user_id, order.selection, generator.rendition)
    return judged(order, generator, found)


def generator_of(world: World, generator_id: str) -> Generator:
    """Return an entry of the registry. Raises UnknownGenerator."""
    generator = world.generators.get(generator_id)
    if generator is None:
        raise UnknownGenerator
    return generator


def chosen(order: Order, generator: Generator, found: References) -> tuple[ReferenceRecord, ...]:
    """Return what is to be released, in its order. Raises ReferencesRefused when anything at all is refused."""
    judgement = judged(order, generator, found)
    if judgement.refusals:
        raise ReferencesRefused(judgement.refusals)
    by_id = {record.candidate.me_image_id: record for record in found.records}
    return tuple(by_id[me_image_id] for me_image_id in judgement.chosen)


def judged(order: Order, generator: Generator, found: References) -> Judgement:
    """Apply the rules."""
    candidates = [record.candidate for record in found.records]
    return judge(order.selection, candidates, paused=found.paused, most=generator.max_references)


def pictures_of(records: tuple[ReferenceRecord, ...]) -> tuple[Picture, ...] | None:
    """Return the images of a release; None while a rendition is missing."""
    pictures: list[Picture] = []
    for record in records:
        made = record.rendition
        if made is None:
            return None
        about = (record.candidate.me_image_id, record.candidate.kind, record.media.media_id)
        pictures.append(
            Picture(*about, made.rendition, made.variant, made.content_type, made.size_bytes, made.width, made.height)
        )
    return tuple(pictures)


async def _earlier(world: World, order: Order) -> Release | None:
    """Return what the same ``request_id`` was answered before. Raises RequestIdReused."""
    wrapped = await world.store.user_key(order.user_id) if order.request_id else None
    if wrapped is None or order.request_id is None:
        return None
    kept = await world.store.request(order.user_id, order.request_id)
    if kept is None:
        return None
    seals = seals_of(world.vault, order.user_id, wrapped)
    return RELEASE.replay(seals, kept, RELEASE.digest(seals, order.content))
