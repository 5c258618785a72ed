"""`skill-fleet demo` as a user runs it: without a model, with one, and when something deviates."""

import asyncio
import os
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest

from bot.demo.people import DeviationError, until
from tests.contract import observing
from tests.scripted_author import Author
from tests.scripted_model import ScriptedModel

ROOT = Path(__file__).parents[2]
PROMOTED = re.compile(r"^promoted acme/skills#1 -> skills/[a-z0-9/-]+@[0-9a-f]{40}$")
REVISION: dict[str, Any] = {
    "revision": {
        "edits": [
            {
                "action": "replace",
                "section": 3,
                "heading": "Gotchas",
                "markdown": "- Common mistakes: do not list a revert and the change it reverts.",
            }
        ],
        "file_edits": [],
        "description": "",
        "done": [{"request": "common mistakes", "outcome": "applied", "note": "The gotchas name it."}],
    }
}


async def demo(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit status and output of the command."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SKILL_FLEET_")}
    with TemporaryDirectory() as folder, observing({**clean, **environment}, Path(folder) / "contract.log") as observed:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "demo", *arguments),
            cwd=ROOT,
            env=observed,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 150)
        assert process.returncode is not None
        return process.returncode, output.decode()


async def test_the_demo_ends_with_a_promoted_skill(tmp_path: Path) -> None:
    picture = tmp_path / "conversation.svg"
    status, output = await demo("--picture", str(picture))
    assert status == 0, output
    assert PROMOTED.match(output.splitlines()[-1]), output.splitlines()[-3:]
    assert "outline" in output
    assert picture.read_text().startswith("<svg")


async def test_keep_leaves_both_running_until_it_is_told_to_end(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SKILL_FLEET_")}
    with observing(clean, tmp_path / "contract.log") as observed:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "demo", "--keep", "--directory", str(tmp_path / "state")),
            cwd=ROOT,
            env=observed,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        said: dict[str, str] = {}
        async with asyncio.timeout(150):
            while "Both" not in said:
                name, _, rest = (await process.stdout.readline()).decode().partition(" ")
                said[name] = rest.strip()
        async with aiohttp.ClientSession() as session:
            for address in (f"{said['Bot']}/readyz", said["Open"].split()[0]):
                async with session.get(address, headers={"Accept": "text/html"}) as answer:
                    assert answer.status == 200, address
            process.terminate()
            await asyncio.wait_for(process.wait(), 60)
            for address in (said["Bot"], said["Sandbox"]):
                with pytest.raises(aiohttp.ClientConnectionError):
                    await session.get(address)


async def test_the_same_command_uses_the_model_that_is_set() -> None:
    async with ScriptedModel() as server:
        author = Author(server)
        author.answers["IncorporateFeedback"] = REVISION
        status, output = await demo(
            SKILL_FLEET_MODEL="openai/scripted",
            SKILL_FLEET_MODEL_API_BASE=server.base_url,
            SKILL_FLEET_MODEL_API_KEY="scripted-key",
        )
        assert status == 0, output
        assert PROMOTED.match(output.splitlines()[-1]), output.splitlines()[-3:]
        assert "openai/scripted" in output
        assert "scripted-key" not in output
        assert {"GatherRequirements", "GenerateSkillContent", "IncorporateFeedback"} <= set(author.asked)


async def test_a_deviation_ends_the_demo_with_a_reason_and_a_failing_status() -> None:
    async with ScriptedModel() as server:
        author = Author(server)  # its revision does not hold what the reply asks for
        assert "IncorporateFeedback" in author.answers
        status, output = await demo(
            SKILL_FLEET_MODEL="openai/scripted",
            SKILL_FLEET_MODEL_API_BASE=server.base_url,
            SKILL_FLEET_MODEL_API_KEY="scripted-key",
        )
        assert status == 1, output
        assert "The demo deviated: the refined preview does not hold" in output


async def test_waiting_in_vain_names_what_did_not_come() -> None:
    async def never() -> None:
        return None

    with pytest.raises(DeviationError, match="the check run"):
        await until("the check run", never, 0.2)


async def test_waiting_for_a_slow_model_stays_within_the_rate_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    waited, looks = 0.0, 0

    async def sleep(seconds: float) -> None:
        nonlocal waited
        waited += seconds

    async def look() -> bool | None:
        nonlocal looks
        looks += 1
        return waited >= 3_600 or None

    monkeypatch.setattr("bot.demo.people.asyncio.sleep", sleep)
    assert await until("a slow model", look, 60)
    assert looks < 1_000, "an hour of looking, three requests each, must fit into 5,000 requests an hour"
