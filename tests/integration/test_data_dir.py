"""One process at a time works in a data folder."""

from pathlib import Path

import pytest

from service.adapters.data_dir import DataDirInUseError, claimed


def test_a_second_holder_is_told_where_the_first_one_listens(tmp_path: Path) -> None:
    with claimed(tmp_path) as claim:
        claim.announce("127.0.0.1:50051")
        with (
            pytest.raises(DataDirInUseError, match=r"^me-images runs already at 127\.0\.0\.1:50051, .*\.$"),
            claimed(tmp_path),
        ):
            pass


def test_a_holder_that_is_still_starting_has_no_address(tmp_path: Path) -> None:
    with claimed(tmp_path) as claim:
        claim.announce("127.0.0.1:50051")
    with claimed(tmp_path), pytest.raises(DataDirInUseError, match="is being started"), claimed(tmp_path):
        pass


def test_a_claim_that_ended_can_be_had_again(tmp_path: Path) -> None:
    with claimed(tmp_path / "data"):
        pass
    with claimed(tmp_path / "data"):
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
