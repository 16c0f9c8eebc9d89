"""The file of key-encryption keys."""

import base64
import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.adapters.keks import REREAD_SECONDS, ReadAgain, UnusableKekFile, read_keks, write_first_kek

KEK = base64.b64encode(bytes(range(32))).decode()


def written(folder: Path, content: str) -> Path:
    path = folder / "kek"
    path.write_text(content)
    return path


def test_epochs_comments_and_empty_lines(tmp_path: Path) -> None:
    other = base64.b64encode(bytes(32)).decode()
    keks = read_keks(written(tmp_path, f"# rotated in spring\n1 {KEK}\n\n4294967295   {other}\n"))
    assert keks == {1: bytes(range(32)), 2**32 - 1: bytes(32)}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (f"0 {KEK}", 1),
        (f"-1 {KEK}", 1),
        (f"4294967296 {KEK}", 1),
        (f"one {KEK}", 1),
        (f"1 {KEK}\n2 {KEK[:-4]}", 2),
        (f"1 {KEK}\n2 {KEK}AAAA", 2),
        (f"1 {KEK}\n# fine\n2 !{KEK[1:]}", 3),
        (f"1 {KEK} {KEK}", 1),
        ("1", 1),
        (KEK, 1),
        (f"1 {KEK}\n1 {KEK}", 2),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_never_shown(tmp_path: Path, content: str, line: int) -> None:
    with pytest.raises(UnusableKekFile) as refused:
        read_keks(written(tmp_path, content))
    assert str(refused.value).startswith(f"line {line}: ")
    assert KEK[1:20] not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("content", ["", "\n\n", "# nothing yet\n"])
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnusableKekFile, match="no key"):
        read_keks(written(tmp_path, content))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for path in (tmp_path / "missing", tmp_path, binary):
        with pytest.raises(UnusableKekFile, match="cannot read"):
            read_keks(path)


def test_the_first_key_is_random_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_first_kek(tmp_path / name)
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o600
    assert list(read_keks(tmp_path / "one")) == [1]
    assert read_keks(tmp_path / "one") != read_keks(tmp_path / "other")


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    write_first_kek(tmp_path / "kek")
    before = read_keks(tmp_path / "kek")
    with pytest.raises(FileExistsError):
        write_first_kek(tmp_path / "kek")
    assert read_keks(tmp_path / "kek") == before


def test_the_file_is_read_again_once_a_second_and_no_more_often(tmp_path: Path) -> None:
    path, now = written(tmp_path, f"1 {KEK}\n"), 100.0
    again = ReadAgain(path, lambda: now)
    assert list(again()) == [1]
    path.write_text(f"1 {KEK}\n2 {KEK}\n")
    now += REREAD_SECONDS / 2
    assert again() == {}
    now += REREAD_SECONDS
    assert list(again()) == [1, 2]


def test_a_file_that_has_become_unusable_gives_nothing_and_shows_nothing(tmp_path: Path) -> None:
    path, now = written(tmp_path, f"1 {KEK}\n2 {KEK[:-4]}\n"), 100.0
    again = ReadAgain(path, lambda: now)
    with capture_logs() as logs:
        assert again() == {}
    assert [entry["event"] for entry in logs] == ["KEK file unusable"]
    assert KEK[1:20] not in str(logs)
    path.write_text(f"1 {KEK}\n")
    now += REREAD_SECONDS
    with capture_logs() as logs:
        assert list(again()) == [1]
    assert [(entry["event"], entry["epochs"]) for entry in logs] == [("KEK file read again", [1])]
