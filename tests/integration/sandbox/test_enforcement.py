"""The gate that all tests pass: a request, an answer or a webhook that breaks GitHub's contract fails the session."""

import json
import os
import re
from pathlib import Path

import aiohttp
import pytest

from bot.sandbox.exchanges import Exchange
from tests.contract import ContractObserver, assert_nobody_broke_it, observing
from tests.github_sandbox import GitHub
from tests.integration.sandbox.test_command import start


async def test_a_misspelt_property_is_refused_and_fails_the_session(github: GitHub) -> None:
    riley = github.as_user("riley")
    answer = await riley.request("POST", f"{riley.repo}/issues", {"title": "x", "lables": ["a"]})
    assert answer.status == 599
    assert "/lables" in answer.data["violations"]
    assert github.contract in ContractObserver.made
    with pytest.raises(AssertionError, match=r"1 violations .*\n.*POST .*/issues: body: unknown property /lables"):
        assert_nobody_broke_it(ContractObserver.made)
    github.contract.violations.clear()
    assert_nobody_broke_it([github.contract])


@pytest.mark.parametrize("what", ["answer", "webhook"])
async def test_what_github_would_not_say_fails_the_session(github: GitHub, what: str) -> None:
    if what == "answer":
        exchange = Exchange(1, "", "POST", "/repos/acme/skills/issues", {}, "riley", {}, None, False)
        exchange.status, exchange.answer = 201, {"number": 1}
        github.contract.answered(exchange)
    else:
        github.contract.announced("issues", {"action": "opened"})
    with pytest.raises(AssertionError, match="is a required property"):
        assert_nobody_broke_it([github.contract])
    github.contract.violations.clear()


async def test_a_sandbox_in_a_process_of_its_own_is_held_to_it_as_well(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="unknown property /lables"):
        await _misspell(tmp_path)


def test_no_test_starts_a_sandbox_that_nobody_looks_at() -> None:
    tests = Path(__file__).parents[2]
    makers = re.compile(r"(?:Sandbox\.create|(?<!def )\brunning)\((?!\[)([^)]*)\)")
    unseen = []
    for file in [*tests.rglob("*.py")]:
        text = file.read_text()
        within = makers.findall(text) if "bot.sandbox" in text else []
        unseen += [f"{file.name}: {call}" for call in within if "observer=" not in call]
        if re.search(r'"(?:sandbox|demo)", "--', text) and "observing(" not in text:
            unseen.append(f"{file.name}: a process")
    assert unseen == ["test_journey.py: tmp_path"], "that one is refused"


async def _misspell(folder: Path) -> None:
    with observing(os.environ, folder / "log") as environment:
        process = await start("--port", "0", "--json", "--state-dir", str(folder / "state"), env=environment)
        assert process.stdout
        connection = json.loads(await process.stdout.readline())
        headers = {"Authorization": f"Bearer {connection['people']['riley']}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            url = f"{connection['api_url']}/repos/acme/skills/issues"
            async with session.post(url, json={"title": "x", "lables": []}) as answer:
                assert answer.status == 599
        process.terminate()
        assert await process.wait() == 0
