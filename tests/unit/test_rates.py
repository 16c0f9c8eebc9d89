"""Calls of each caller in a time: never more than the rate allows, and never none for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.errors import Overloaded, RateLimited
from service.rpc import rates
from service.rpc.bounds import Places
from service.rpc.rates import Rate, Rates

every_rate = st.builds(Rate, st.floats(0.01, 1000), st.integers(1, 50))
pauses = st.lists(st.one_of(st.just(0.0), st.floats(0, 100)), max_size=120)
CLOSE = 1e-6


class Watch:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def spent(bucket: Rates, caller: str = "user:ada") -> float | None:
    """Spend a token; return None, or in how many seconds there is one."""
    try:
        bucket.spend(caller)
    except RateLimited as refused:
        return refused.retry_seconds
    return None


@given(rate=every_rate, pauses=pauses)
def test_no_time_sees_more_than_its_burst_and_its_rate(rate: Rate, pauses: list[float]) -> None:
    watch = Watch()
    bucket, passed = Rates(rate, watch), list[float]()
    for pause in pauses:
        watch.now += pause
        if spent(bucket) is None:
            passed.append(watch.now)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            seconds = passed[last] - passed[first]
            assert last - first + 1 <= rate.burst + rate.per_second * seconds * (1 + CLOSE) + CLOSE


@given(rate=every_rate, pauses=pauses)
def test_who_waits_as_told_is_let_through(rate: Rate, pauses: list[float]) -> None:
    watch = Watch()
    bucket = Rates(rate, watch)
    for pause in pauses:
        watch.now += pause
        left = spent(bucket)
        if left is not None:
            assert 0 < left <= (1 + CLOSE) / rate.per_second
            watch.now += left + CLOSE
            assert spent(bucket) is None


@given(rate=every_rate)
def test_a_burst_passes_at_once_and_refusals_cost_nothing(rate: Rate) -> None:
    bucket = Rates(rate, Watch())
    assert [spent(bucket) for _ in range(rate.burst)] == [None] * rate.burst
    first = spent(bucket)
    assert first is not None
    assert [spent(bucket) for _ in range(5)] == [first] * 5


def test_each_caller_has_a_bucket() -> None:
    bucket = Rates(Rate(1, 1), Watch())
    assert spent(bucket, "user:ada") is None
    assert spent(bucket, "user:bob") is None
    assert spent(bucket, "user:ada") is not None


@given(callers=st.lists(st.tuples(st.integers(0, 30), st.floats(0, 3)), min_size=1, max_size=200))
def test_full_buckets_are_forgotten(callers: list[tuple[int, float]]) -> None:
    watch = Watch()
    bucket = Rates(Rate(1, 2), watch)
    for number, pause in callers:
        watch.now += pause
        spent(bucket, str(number))
    watch.now += 10
    for _ in range(len(bucket) + 1):
        spent(bucket, "last")
        watch.now += 10
    assert len(bucket) == 1


def test_there_are_never_more_buckets_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MAX_CALLERS", 10)
    bucket = Rates(Rate(0.001, 5), Watch())
    for number in range(100):
        spent(bucket, str(number))
    assert len(bucket) == 10


async def test_places_are_bounded_in_all_and_for_each() -> None:
    places = Places(3, 2)
    async with places.place("ada"), places.place("ada"):
        with pytest.raises(Overloaded):
            async with places.place("ada"):
                pass
        async with places.place("bob"):
            with pytest.raises(Overloaded):
                async with places.place("carol"):
                    pass
        async with places.place("carol"):
            pass
    async with places.place("ada"), places.place("ada"), places.place("bob"):
        pass
