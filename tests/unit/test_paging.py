"""Page tokens: they continue their own list, and nothing else."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from service.domain.errors import InvalidPageToken
from service.domain.model import Kind, MeImageId, UserId
from service.ports.records import ListFilter, ListPosition
from service.usecases.paging import page_token, position_of
from service.usecases.tokens import write_token

users = st.text(min_size=1, max_size=12).map(UserId)
filters = st.builds(ListFilter, st.sets(st.sampled_from(Kind)).map(tuple), st.booleans(), st.booleans())
times = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 # hypothesis adds the zone
positions = st.builds(ListPosition, times, st.uuids().map(MeImageId))
ADA, ALL = UserId("ada"), ListFilter()
AT = ListPosition(datetime(2026, 11, 23, tzinfo=UTC), MeImageId(UUID(int=7)))


@given(user=users, which=filters, position=positions)
def test_a_token_leads_back_to_its_position(user: UserId, which: ListFilter, position: ListPosition) -> None:
    assert position_of(user, which, page_token(user, which, position)) == position


@given(user=users, other=users, which=filters, another=filters, position=positions)
@example(user=ADA, other=UserId("ben"), which=ALL, another=ALL, position=AT)
@example(user=ADA, other=ADA, which=ALL, another=ListFilter(ai_reference_only=True), position=AT)
@example(user=ADA, other=ADA, which=ALL, another=ListFilter(include_deleted=True), position=AT)
def test_a_token_of_another_list_is_refused(
    user: UserId, other: UserId, which: ListFilter, another: ListFilter, position: ListPosition
) -> None:
    lists = [
        (whose, set(f.kinds), f.ai_reference_only, f.include_deleted) for whose, f in ((user, which), (other, another))
    ]
    assume(lists[0] != lists[1])
    with pytest.raises(InvalidPageToken):
        position_of(other, another, page_token(user, which, position))


@given(data=st.data(), position=positions)
def test_an_altered_token_is_refused(data: st.DataObject, position: ListPosition) -> None:
    token = page_token(ADA, ALL, position)
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters().filter(lambda letter: letter != token[at]))
    with pytest.raises(InvalidPageToken):
        position_of(ADA, ALL, token[:at] + letter + token[at + 1 :])


def test_a_token_has_one_spelling() -> None:
    token = next(
        token
        for number in range(10_000)
        if "-" in (token := page_token(ADA, ALL, ListPosition(AT.created_at, MeImageId(UUID(int=number)))))
    )
    assert position_of(ADA, ALL, token) is not None
    with pytest.raises(InvalidPageToken):
        position_of(ADA, ALL, token.replace("-", "+"))


@given(token=st.text(min_size=1) | st.binary(min_size=1).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_garbage_is_refused(token: str) -> None:
    with pytest.raises(InvalidPageToken):
        position_of(ADA, ALL, token)


@pytest.mark.parametrize(
    "microseconds", [253_402_300_800_000_000, 2**63 - 1, -(2**63)], ids=["year 10000", "2^63", "-2^63"]
)
def test_a_time_that_no_calendar_has_is_refused_although_the_check_holds(microseconds: int) -> None:
    query: tuple[object, ...] = ("ListMeImages", ADA, [], False, False)
    good = write_token(query, 0, 0, 7)
    assert position_of(ADA, ALL, good) == ListPosition(datetime(1970, 1, 1, tzinfo=UTC), MeImageId(UUID(int=7)))
    with pytest.raises(InvalidPageToken):
        position_of(ADA, ALL, write_token(query, microseconds, 0, 7))


def test_no_token_is_the_first_page() -> None:
    assert position_of(ADA, ALL, "") is None


def test_the_order_of_kinds_does_not_matter() -> None:
    one, other = ListFilter((Kind.FACE, Kind.HANDS)), ListFilter((Kind.HANDS, Kind.FACE))
    assert position_of(ADA, other, page_token(ADA, one, AT)) == AT
