"""The arithmetic of the benches."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from tests.bench.figures import Aim, Report, Row, Series, framed, percentile, ratios
from tests.bench.photos import NONCE_BYTES, padded, varied
from tests.bench.seed import Crowd
from tests.bench.table import table
from tests.pictures import jpeg


def test_a_series_has_a_middle_and_two_ends() -> None:
    series = Series((3.0, 1.0, 8.0, 2.0))
    assert (series.median, series.low, series.high) == (2.5, 1.0, 8.0)


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios(Series((1.0, 3.0)), Series((2.0, 4.0))).rounds == (0.5, 0.75)
    with pytest.raises(ValueError, match="shorter"):
        ratios(Series((1.0, 3.0)), Series((2.0,)))


@pytest.mark.parametrize(
    ("ratio", "at_least", "reached"), [(0.8, True, True), (0.79, True, False), (0.79, False, True)]
)
def test_an_aim_bounds_the_median_ratio(ratio: float, at_least: bool, reached: bool) -> None:
    row = Row("x", "calls/s", Series((ratio, 0.1, 9.0)), Series((1.0, 1.0, 1.0)), Aim(0.8, at_least))
    assert row.reached is reached


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_body_is_a_flag_a_length_and_the_message() -> None:
    assert framed(b"abc") == b"\0\0\0\0\x03abc"


def test_a_table_names_a_missed_aim() -> None:
    row = Row("GetMeImage", "calls/s", Series((500.0,)), Series((1000.0,)), Aim(0.8, at_least=True))
    printed = table([Report("get", (row,), ("a note",))])
    assert ">= 0.80 MISSED" in printed
    assert "get: a note" in printed


@pytest.mark.parametrize("missing", [4, 5, 65_539, 65_540, 65_541, 65_542, 65_543, 200_000])
def test_photos_become_as_long_as_wanted_and_still_decode(missing: int) -> None:
    photo = jpeg()
    longer = padded(photo, len(photo) + missing)
    assert len(longer) == len(photo) + missing
    assert varied(longer) != varied(longer)
    assert len(varied(longer)) == len(longer) + NONCE_BYTES
    with Image.open(io.BytesIO(varied(longer))) as image:
        image.load()
        assert image.size == (64, 48)


def test_the_ids_of_a_crowd_never_meet() -> None:
    crowd = Crowd("x", 50, 4, called_every=25)
    places = [(number, place) for number in range(crowd.people) for place in range(crowd.me_images)]
    ids = {crowd.media_id(*at) for at in places} | {crowd.me_image_id(*at) for at in places}
    assert len(ids) == 2 * len(places)
    assert len({crowd.user_id(number) for number in range(crowd.people)}) == crowd.people


def test_clients_are_told_the_people_who_can_be_called(tmp_path: Path) -> None:
    crowd = Crowd("x", 50, 4, called_every=25)
    crowd.write_called(tmp_path / "called.json")
    called = json.loads((tmp_path / "called.json").read_text("utf-8"))
    assert [someone[0] for someone in called] == [crowd.user_id(0), crowd.user_id(25)]
    assert called[1][1:] == [str(crowd.me_image_id(25, place)) for place in range(4)]
