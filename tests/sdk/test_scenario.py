"""The scenario, run by the SDK of each language against one live server: what is expected, and the same in all."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from service.config import Settings
from service.domain.callers import Scope
from tests.dev_process import ROOT, environment
from tests.people import new_user_id
from tests.sdk import typescript
from tests.sdk.expecting import differences
from tests.sdk.photos import make_photos
from tests.sdk.stage import LiveServer, flaky, restarting
from tests.tokens import Issuer, unsigned

SCENARIO = Path(__file__).with_name("scenario.json")
RUN_SECONDS = 300.0
RUNNERS: dict[str, tuple[Path, list[str]]] = {
    "Python": (ROOT, [sys.executable, "-m", "tests.sdk.runner"]),
    "Go": (ROOT / "clients" / "go", ["go", "run", "./internal/scenario"]),
    "TypeScript": (typescript.CLIENT, ["node", "build/scenario/runner.js"]),
    "TypeScript on Bun": (typescript.CLIENT, [str(typescript.BUN), "scenario/runner.ts"]),
}
"""By language: where its runner starts, and with which command."""

Step = dict[str, object]
Transcript = dict[str, Step]
RunScenario = Callable[[str], Awaitable[Transcript]]


@pytest.fixture(scope="module")
async def live(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveServer]:
    """A server whose limits are near: five me-images a person, three seconds between two messages."""
    near = settings.model_copy(update={"max_me_images": 5, "body_timeout_seconds": 3})
    server = LiveServer(near, tmp_path_factory.mktemp("live"))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="module")
async def run_scenario(live: LiveServer, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> RunScenario:
    """Run the scenario in a language, as a person of its own; once, however often it is asked for."""
    folder = tmp_path_factory.mktemp("photos")
    digests = make_photos(folder)
    done: dict[str, Transcript] = {}

    async def run(language: str) -> Transcript:
        if language not in done:
            user, stranger = new_user_id(), new_user_id()
            async with restarting(live) as restart, flaky(live.address) as breaking:
                config = {
                    "address": live.address,
                    "addresses": {"flaky": breaking},
                    "tokens": {
                        "user": issuer.user(user),
                        "service": issuer.service(*(scope for scope in Scope if scope is not Scope.WATCH)),
                        "stranger": issuer.user(stranger),
                        "forged": unsigned(user),
                    },
                    "names": {"user": user, "user as caller": f"user:{user}", "stranger": stranger} | digests,
                    "folder": str(folder),
                    "restart": restart,
                }
                file = folder / f"{language}.json"
                file.write_text(json.dumps(config))
                done[language] = await _transcript(language, file)
        return done[language]

    return run


async def _transcript(language: str, config: Path) -> Transcript:
    folder, command = RUNNERS[language]
    if folder == typescript.CLIENT:
        await asyncio.to_thread(typescript.compiled)
    searched = environment()["PATH"] + ":/usr/local/go/bin"
    program = shutil.which(command[0], path=searched)
    if program is None or not folder.is_dir():
        pytest.skip(f"{language.upper()} IS MISSING: its SDK did not run the scenario")
    process = await asyncio.create_subprocess_exec(
        *(program, *command[1:], str(SCENARIO), str(config)),
        cwd=folder,
        env=environment() | {"PATH": searched},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(RUN_SECONDS):
        out, err = await process.communicate()
    transcript = {step["step"]: step for step in map(json.loads, out.decode().splitlines())}
    last = next(reversed(transcript), None)
    # A runner that waits in vain may do so because of a step long before.
    wrong = "\n".join(_wrong(transcript))
    assert process.returncode == 0, f"the runner ended after {last!r} with: {err.decode()}\n{wrong}"
    return transcript


def _wrong(transcript: Transcript) -> list[str]:
    """Return how steps that were made differ from what is expected."""
    return [
        f"{step['name']}: {difference}"
        for step in json.loads(SCENARIO.read_text())["steps"]
        if step["name"] in transcript
        for difference in differences(step["expect"], transcript[step["name"]])
    ]


@pytest.mark.parametrize("language", RUNNERS)
async def test_every_step_is_as_expected(run_scenario: RunScenario, language: str) -> None:
    transcript = await run_scenario(language)
    steps = json.loads(SCENARIO.read_text())["steps"]
    assert list(transcript) == [step["name"] for step in steps]
    assert not (wrong := _wrong(transcript)), "\n".join(wrong)


@pytest.mark.parametrize("language", [language for language in RUNNERS if language != "Python"])
async def test_all_say_the_same(run_scenario: RunScenario, language: str) -> None:
    ours, theirs = await run_scenario("Python"), await run_scenario(language)
    different = [f"{name}: {ours[name]} and {theirs[name]}" for name in ours if ours[name] != theirs.get(name)]
    assert not different, "\n".join(different)
