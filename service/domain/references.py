"""Which me-images a release is about, and why one is refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.domain.errors import (
    AiReferencesPaused,
    ConsentNotGiven,
    MeImageDeleted,
    MeImageError,
    MeImageNotFound,
    Refusal,
    SlotEmpty,
    TooManyReferences,
)
from service.domain.model import Kind, MeImageId, Slot

SLOTS_FIRST = (Slot.FACE_REF, Slot.BODY_REF, Slot.AVATAR)
"""The holders of these come before all other references, in this order."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ByKind:
    """The best of these kinds, at most so many; no kinds means all, no number means as many as can be taken."""

    kinds: tuple[Kind, ...] = ()
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for: me-images by id and by slot, or the best by kind."""

    me_image_ids: tuple[MeImageId, ...] = ()
    slots: tuple[Slot, ...] = ()
    by_kind: ByKind | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the rules look at."""

    me_image_id: MeImageId
    kind: Kind
    slots: tuple[Slot, ...]
    ai_reference: bool
    is_deleted: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Judgement:
    """The me-images that pass, in the order of a release, and why others do not: one refusal refuses all."""

    chosen: tuple[MeImageId, ...]
    refusals: tuple[Refusal, ...]


def place_of(candidate: Candidate) -> tuple[int, int, int]:
    """Return the place of a reference: slot holders first, then newest first; equal for no two me-images."""
    rank = min((SLOTS_FIRST.index(slot) for slot in candidate.slots), default=len(SLOTS_FIRST))
    return rank, (_EPOCH - candidate.created_at) // timedelta(microseconds=1), -candidate.me_image_id.int


def why_not(candidate: Candidate, *, paused: bool) -> type[MeImageError] | None:
    """Return why a me-image must not be used by AI; None when it may."""
    if candidate.is_deleted:
        return MeImageDeleted
    if not candidate.ai_reference:
        return ConsentNotGiven
    return AiReferencesPaused if paused else None


def judge(selection: Selection, candidates: Sequence[Candidate], *, paused: bool, most: int) -> Judgement:
    """Decide on a release to a generator that takes ``most`` references; candidates are the person's own alone."""
    wanted = _wanted(selection, candidates, most)
    chosen: dict[MeImageId, None] = {}
    refusals: list[Refusal] = []
    for subject, candidate, missing in wanted:
        why = missing if candidate is None else why_not(candidate, paused=paused)
        if why is not None:
            refusals.append(Refusal(subject, why))
        elif candidate is not None:
            chosen[candidate.me_image_id] = None
    if not wanted:
        refusals.append(Refusal("", AiReferencesPaused if paused else ConsentNotGiven))
    if len(chosen) > most:
        refusals.append(Refusal("", TooManyReferences))
    return Judgement(tuple(chosen), tuple(refusals))


_Wanted = tuple[str, Candidate | None, type[MeImageError]]
"""How the caller named it, what it is, and why it is refused when it is nothing."""


def _wanted(selection: Selection, candidates: Sequence[Candidate], most: int) -> list[_Wanted]:
    if selection.by_kind is not None:
        best = sorted((each for each in candidates if _is_offered(each, selection.by_kind)), key=place_of)
        limit = min(selection.by_kind.most or most, most)
        return [(str(each.me_image_id), each, ConsentNotGiven) for each in best[:limit]]
    by_id = {each.me_image_id: each for each in candidates}
    by_slot = {slot: each for each in candidates for slot in each.slots}
    named: list[_Wanted] = [(str(one), by_id.get(one), MeImageNotFound) for one in selection.me_image_ids]
    return named + [(slot.value, by_slot.get(slot), SlotEmpty) for slot in selection.slots]


def _is_offered(candidate: Candidate, wanted: ByKind) -> bool:
    return why_not(candidate, paused=False) is None and (not wanted.kinds or candidate.kind in wanted.kinds)
