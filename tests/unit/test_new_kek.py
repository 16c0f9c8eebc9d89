"""Adding an epoch: no key is ever lost, shown, or readable by others."""

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.adapters.keks import UnusableKekFile, read_keks
from service.adapters.new_kek import add_kek

KEK = base64.b64encode(bytes(range(32))).decode()


def written(folder: Path, content: str, mode: int = 0o600) -> Path:
    path = folder / "kek"
    path.write_text(content)
    path.chmod(mode)
    return path


def refused(path: Path, match: str) -> None:
    """The file is refused and stays as it was, and nothing lies beside it."""
    before = path.read_bytes() if path.is_file() else None
    beside = sorted(path.parent.iterdir())
    with pytest.raises(UnusableKekFile, match=match) as error:
        add_kek(path)
    assert KEK[1:20] not in str(error.value)
    assert before is None or path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == beside


def test_the_first_epoch_makes_the_file_for_its_owner_alone(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        added = add_kek(tmp_path / "kek")
    finally:
        os.umask(previous)
    assert (added.epoch, added.epochs) == (1, (1,))
    assert list(read_keks(tmp_path / "kek")) == [1]
    assert stat.S_IMODE((tmp_path / "kek").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "kek"]


@pytest.mark.parametrize("end", ["", "\n", "\n\n# the end\n"], ids=["no newline", "newline", "comment"])
def test_older_lines_stay_word_for_word(tmp_path: Path, end: str) -> None:
    lines = f"# of last year\n3 {KEK}\n\n1   {KEK}{end}"
    path = written(tmp_path, lines)
    before = read_keks(path)
    added = add_kek(path)
    assert (added.epoch, added.epochs) == (4, (1, 3, 4))
    assert path.read_text().startswith(lines)
    keks = read_keks(path)
    assert {epoch: keks[epoch] for epoch in before} == before
    assert len({*keks.values()}) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_at_once_add_two_epochs(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        added = list(threads.map(lambda _: add_kek(tmp_path / "kek").epoch, range(8)))
    assert sorted(added) == list(range(1, 9))
    keks = read_keks(tmp_path / "kek")
    assert len(set(keks.values())) == len(keks) == 8


def test_an_end_in_the_middle_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, f"1 {KEK}\n")

    def dies(_descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("service.adapters.private_files.os.fsync", dies)
        with pytest.raises(KeyboardInterrupt):
            add_kek(path)
    assert path.read_text() == f"1 {KEK}\n"
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / "kek.new").write_text("what a killed run left")
    assert add_kek(path).epochs == (1, 2)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602])
def test_a_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    refused(written(tmp_path, f"1 {KEK}\n", mode), "open to other users")


def test_a_link_is_refused_and_not_followed(tmp_path: Path) -> None:
    target = written(tmp_path, f"1 {KEK}\n")
    for name, to in (("link", target), ("nowhere", tmp_path / "missing")):
        (tmp_path / name).symlink_to(to)
        refused(tmp_path / name, "symbolic link")
    assert target.read_text() == f"1 {KEK}\n"
    assert not (tmp_path / "missing").exists()
    (tmp_path / "second").hardlink_to(target)
    refused(target, "second name")


def test_what_is_no_file_of_ours_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "no regular file")
    os.mkfifo(tmp_path / "pipe", 0o600)
    refused(tmp_path / "pipe", "no regular file")
    with pytest.raises(UnusableKekFile, match="cannot write the KEK file: FileNotFoundError"):
        add_kek(tmp_path / "missing" / "kek")
    path = written(tmp_path, f"1 {KEK}\n")
    monkeypatch.setattr("service.adapters.new_kek.os.geteuid", lambda: os.getuid() + 1)
    refused(path, "another user")


@pytest.mark.parametrize(
    ("content", "match"),
    [("", "no key"), (f"1 {KEK}\n2 {KEK[:-4]}\n", "line 2"), (f"4294967295 {KEK}\n", "highest epoch")],
)
def test_a_file_without_proper_keys_is_refused(tmp_path: Path, content: str, match: str) -> None:
    refused(written(tmp_path, content), match)
