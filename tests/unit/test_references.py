"""Which references a release is about, against the rules written down a second time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from service.domain.errors import (
    AiReferencesPaused,
    ConsentNotGiven,
    MeImageDeleted,
    MeImageNotFound,
    Refusal,
    SlotEmpty,
    TooManyReferences,
)
from service.domain.model import Kind, MeImageId, Slot
from service.domain.references import ByKind, Candidate, Judgement, Selection, judge, place_of

START = datetime(2026, 1, 1, tzinfo=UTC)
IDS = [MeImageId(UUID(int=number << 100 | number)) for number in range(8)]
STRANGE = [MeImageId(UUID(int=(1 << 127) + number)) for number in range(2)]


@st.composite
def pools(draw: st.DrawFn) -> list[Candidate]:
    """Draw a pool as it can be: each slot has one holder at most, and who is deleted holds none and is not opted in."""
    holders = draw(st.dictionaries(st.sampled_from(Slot), st.sampled_from(IDS)))
    pool = []
    for one in draw(st.lists(st.sampled_from(IDS), unique=True, max_size=7)):
        is_deleted = draw(st.booleans())
        pool.append(
            Candidate(
                me_image_id=one,
                kind=draw(st.sampled_from(Kind)),
                slots=() if is_deleted else tuple(slot for slot in Slot if holders.get(slot) == one),
                ai_reference=not is_deleted and draw(st.booleans()),
                is_deleted=is_deleted,
                # Few times, so that many are the same; a microsecond apart is apart.
                created_at=START + draw(st.sampled_from([0, 1, 2, 10**6, 10**12])) * timedelta(microseconds=1),
            )
        )
    return pool


named = st.builds(
    lambda ids, slots: Selection(tuple(ids), tuple(slots)),
    st.lists(st.sampled_from(IDS + STRANGE), unique=True, max_size=7),
    st.lists(st.sampled_from(Slot), unique=True),
).filter(lambda selection: bool(selection.me_image_ids or selection.slots))
kinds = st.lists(st.sampled_from(Kind), unique=True).map(tuple)
by_kind = st.builds(lambda by: Selection(by_kind=by), st.builds(ByKind, kinds, st.none() | st.integers(1, 6)))
selections = named | by_kind
mosts = st.integers(1, 8)


def may_be_used(candidate: Candidate, paused: bool) -> bool:
    """Tell what invariant 1 of DESIGN section 3 asks for."""
    return candidate.ai_reference and not paused and not candidate.is_deleted


def asked_for(selection: Selection, pool: list[Candidate]) -> list[tuple[str, Candidate | None]]:
    """Return what ids and slots name, in the order of a release."""
    by_id = {each.me_image_id: each for each in pool}
    ids = [(str(one), by_id.get(one)) for one in selection.me_image_ids]
    by_slot = {slot: each for each in pool for slot in each.slots}
    return ids + [(slot.value, by_slot.get(slot)) for slot in selection.slots]


@given(selections, pools(), st.booleans(), mosts)
def test_nothing_passes_that_must_not_be_used(
    selection: Selection, pool: list[Candidate], paused: bool, most: int
) -> None:
    judgement = judge(selection, pool, paused=paused, most=most)
    usable = {each.me_image_id for each in pool if may_be_used(each, paused)}
    assert set(judgement.chosen) <= usable
    assert len(set(judgement.chosen)) == len(judgement.chosen)
    assert judgement.refusals or 1 <= len(judgement.chosen) <= most


@given(named, pools(), st.booleans(), mosts)
def test_all_that_is_named_passes_or_is_refused_with_its_reason(
    selection: Selection, pool: list[Candidate], paused: bool, most: int
) -> None:
    chosen: list[MeImageId] = []
    refusals = []
    for subject, candidate in asked_for(selection, pool):
        if candidate is None:
            refusals.append(Refusal(subject, SlotEmpty if subject in set(Slot) else MeImageNotFound))
        elif may_be_used(candidate, paused):
            chosen += [candidate.me_image_id] if candidate.me_image_id not in chosen else []
        elif candidate.is_deleted:
            refusals.append(Refusal(subject, MeImageDeleted))
        else:
            refusals.append(Refusal(subject, AiReferencesPaused if candidate.ai_reference else ConsentNotGiven))
    if len(chosen) > most:
        refusals.append(Refusal("", TooManyReferences))
    assert judge(selection, pool, paused=paused, most=most) == Judgement(tuple(chosen), tuple(refusals))


@given(by_kind, pools(), mosts)
def test_by_kind_gives_the_best_of_what_may_be_used(selection: Selection, pool: list[Candidate], most: int) -> None:
    assert selection.by_kind is not None
    of, limit = selection.by_kind.kinds, min(selection.by_kind.most or most, most)
    usable = [each for each in pool if may_be_used(each, paused=False) and (not of or each.kind in of)]
    judgement = judge(selection, pool, paused=False, most=most)
    assert judgement.chosen == tuple(each.me_image_id for each in sorted(usable, key=place_of))[:limit]
    assert judgement.refusals == (() if usable else (Refusal("", ConsentNotGiven),))


@given(by_kind, pools(), mosts)
def test_by_kind_refuses_each_one_while_paused(selection: Selection, pool: list[Candidate], most: int) -> None:
    open_ = judge(selection, pool, paused=False, most=most).chosen
    subjects = [str(me_image_id) for me_image_id in open_] or [""]
    refusals = tuple(Refusal(subject, AiReferencesPaused) for subject in subjects)
    assert judge(selection, pool, paused=True, most=most) == Judgement((), refusals)


@given(selections, pools(), st.booleans(), mosts, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(
    selection: Selection, pool: list[Candidate], paused: bool, most: int, chance: Random
) -> None:
    shuffled = list(pool)
    chance.shuffle(shuffled)
    assert judge(selection, shuffled, paused=paused, most=most) == judge(selection, pool, paused=paused, most=most)


@given(selections, pools(), st.booleans(), mosts, st.sampled_from(IDS))
def test_a_consent_withdrawn_never_lets_more_pass(
    selection: Selection, pool: list[Candidate], paused: bool, most: int, of: MeImageId
) -> None:
    less = [replace(each, ai_reference=False) if each.me_image_id == of else each for each in pool]
    assert of not in judge(selection, less, paused=paused, most=most).chosen


@given(pools())
def test_slot_holders_come_first_then_the_newest(pool: list[Candidate]) -> None:
    placed = sorted(pool, key=place_of)
    assert len({place_of(each) for each in pool}) == len(pool)
    held = [slot for slot in (Slot.FACE_REF, Slot.BODY_REF, Slot.AVATAR) if any(slot in each.slots for each in pool)]
    holders = list(dict.fromkeys(next(each.me_image_id for each in pool if slot in each.slots) for slot in held))
    assert [each.me_image_id for each in placed[: len(holders)]] == holders
    rest = placed[len(holders) :]
    assert [each.created_at for each in rest] == sorted((each.created_at for each in rest), reverse=True)
    assert not any(each.slots for each in rest)
