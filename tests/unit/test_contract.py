"""A contract that breaks the one that was last released is found."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUF = Path(sys.executable).parent / "buf"


def breaking(folder: Path) -> subprocess.CompletedProcess[str]:
    """Compare a contract with the released one, as `make check` does."""
    command = [str(BUF), "breaking", "--against", str(ROOT / ".ci" / "released")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 # our own words


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    """A copy of the contract."""
    shutil.copytree(ROOT / "protos", tmp_path / "protos")
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    return tmp_path


def test_the_contract_breaks_nobody(contract: Path) -> None:
    answer = breaking(contract)
    assert (answer.returncode, answer.stdout) == (0, "")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("reference_service.proto", "string generator = 5;", "string generator = 15;"),
        ("me_image.proto", "SLOT_AVATAR = 1;", "SLOT_FACE = 1;"),
        ("error_reason.proto", "ERROR_REASON_CONSENT_NOT_GIVEN = 27;", "ERROR_REASON_NO_CONSENT = 27;"),
        ("me_image_service.proto", "rpc GetMeImage(", "rpc FetchMeImage("),
    ],
)
def test_a_break_is_found(contract: Path, file: str, old: str, new: str) -> None:
    path = contract / "protos" / "meimage" / "v1" / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    answer = breaking(contract)
    assert answer.returncode != 0
    assert file in answer.stdout
