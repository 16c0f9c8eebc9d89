"""The Go client: vetted, formatted, tested under the race detector; and its README does what it says."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import Served
from tests.dev_process import ROOT, environment
from tests.people import new_user_id
from tests.pictures import jpeg
from tests.sdk.ledger_vector import vector
from tests.tokens import Issuer

CLIENT = ROOT / "clients" / "go"
SECONDS = 600.0
SEARCHED = f"{environment()['PATH']}{os.pathsep}/usr/local/go/bin"
AROUND_STATEMENTS = """package main

import ("context"; "errors"; "fmt"; "me-images.example/meimage"; "me-images.example/meimage/meimagev1")

var _, _ = errors.New, meimagev1.Kind_KIND_FACE

func _(ctx context.Context, client *meimage.Client, userID, meImageID, requestID, resumeToken string) error {
%s
fmt.Println()
return nil
}
"""

pytestmark = pytest.mark.skipif(
    shutil.which("go", path=SEARCHED) is None, reason="GO IS MISSING: its SDK was neither vetted nor tested"
)


async def go(*words: str, folder: Path = CLIENT, **variables: str) -> str:
    """Run a command of Go and return what it wrote; where it fails, fail with all of it."""
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=folder,
        env=environment() | {"PATH": SEARCHED} | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(SECONDS):
        said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    return said


async def test_vet_and_format() -> None:
    await go("go", "vet", "./...")
    assert await go("gofmt", "-l", ".") == ""


async def test_its_own_tests() -> None:
    if shutil.which("gcc", path=SEARCHED) or shutil.which("clang", path=SEARCHED):
        await go("go", "test", "-race", "./...", CGO_ENABLED="1")
    else:
        await go("go", "test", "./...")
        pytest.skip("A C COMPILER IS MISSING: the tests of the Go SDK passed, but not under the race detector")


def test_its_ledger_is_the_services() -> None:
    assert (CLIENT / "testdata" / "ledger.json").read_text("utf-8") == vector()


async def test_the_readme_installs_and_runs(served: Served, issuer: Issuer, tmp_path: Path) -> None:
    program, *statements = re.findall(r"```go\n(.*?)```", (CLIENT / "README.md").read_text("utf-8"), re.DOTALL)
    module = tmp_path / "mine"
    module.mkdir()
    (tmp_path / "me-images").symlink_to(ROOT)
    (module / "main.go").write_text(program)
    for number, block in enumerate(statements):
        (module / f"statements{number}.go").write_text(AROUND_STATEMENTS % block)
    (module / "me.jpg").write_bytes(jpeg(400, 300))
    install = re.findall(r"```sh\n(.*?)```", (CLIENT / "README.md").read_text("utf-8"), re.DOTALL)[0]
    await go("go", "mod", "init", "example.org/mine", folder=module)
    await go("sh", "-ec", install, folder=module)
    user = new_user_id()
    said = await go(
        *("go", "run", "."),
        folder=module,
        ME_IMAGES_ADDRESS=served.address,
        ME_IMAGES_USER_TOKEN=issuer.user(user),
        ME_IMAGES_USER_ID=user,
    )
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n", said)
