"""The TypeScript client: its types, its own tests on Node and on Bun, and what a program that uses it sees."""

import re
from pathlib import Path

import pytest

from tests.sdk.certificates import write_certificates
from tests.sdk.ledger_vector import vector
from tests.sdk.typescript import BUN, CLIENT, compiled, installed, run

EXAMPLE = re.compile(r"```ts\n(.*?)```", re.DOTALL)
TSC = "node_modules/.bin/tsc"
TIMEOUT_MS = 60_000
STRICTEST = ("--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--noEmit")


def test_its_ledger_is_the_one_that_the_service_makes() -> None:
    assert (CLIENT / "test" / "ledger.json").read_text("utf-8") == vector()


def test_its_lock_file_holds_digests_and_no_addresses() -> None:
    lock = (CLIENT / "package-lock.json").read_text("utf-8")
    assert "://" not in lock
    assert lock.count('"integrity"') == lock.count('"node_modules/')


def test_types_are_strict() -> None:
    installed()
    run(TSC, "-p", "tsconfig.json", "--noEmit")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("certificates")
    write_certificates(folder)
    return str(folder)


def test_its_tests_pass_on_node(certificates: str) -> None:
    compiled()
    files = sorted(str(file.relative_to(CLIENT)) for file in CLIENT.glob("test/*.test.ts"))
    built = [f"build/{file.removesuffix('.ts')}.js" for file in files]
    said = run("node", "--test", f"--test-timeout={TIMEOUT_MS}", *built, MEIMAGE_TEST_CERTIFICATES=certificates)
    assert re.search(r"fail 0$", said, re.MULTILINE), said
    assert re.search(r"skipped 0$", said, re.MULTILINE), said


def test_its_tests_pass_on_bun(certificates: str) -> None:
    installed()
    if not BUN.resolve().match("@oven/bun-*/bin/bun"):
        pytest.skip("BUN IS MISSING: there is no package of it for this machine")
    said = run(str(BUN), "test", f"--timeout={TIMEOUT_MS}", "./test/", MEIMAGE_TEST_CERTIFICATES=certificates)
    assert re.search(r"^ 0 fail$", said, re.MULTILINE), said
    assert not re.search(r"^ \d+ skip$", said, re.MULTILINE), said


def test_the_examples_of_its_readme_have_types(tmp_path: Path) -> None:
    installed()
    run(TSC, "-p", "tsconfig.build.json")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "meimage").symlink_to(CLIENT)
    (tmp_path / "node_modules" / "@types").symlink_to(CLIENT / "node_modules" / "@types")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    examples = EXAMPLE.findall((CLIENT / "README.md").read_text("utf-8"))
    assert examples
    for number, example in enumerate(examples):
        (tmp_path / f"example{number}.ts").write_text(example)
    files = [str(tmp_path / f"example{number}.ts") for number in range(len(examples))]
    run(TSC, "--ignoreConfig", *STRICTEST, "--module", "nodenext", "--target", "es2022", "--types", "node", *files)
