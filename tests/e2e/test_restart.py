"""`kill -9` at the worst moments of one journey, each followed by a restart: exactly one of everything at the end."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import unused_port

from bot.sandbox.exchanges import Exchange
from tests.e2e.process import Process, environment, killed_at_call, until_labelled
from tests.e2e.town import FORM, SECRET, TITLE
from tests.github_sandbox import GitHub, github_sandbox
from tests.scripted_author import Author
from tests.scripted_model import ScriptedModel

pytestmark = pytest.mark.timeout(400)


@dataclass
class Witness:
    """Sees every write of the bot the moment it stands, before the bot hears of it."""

    before: Any
    process: Process
    deadly: list[tuple[str, str]] = field(default_factory=list)
    """(method, end of path): the next write like this is the last thing the bot did."""

    def refuse(self, exchange: Exchange) -> Any:
        return self.before.refuse(exchange)

    def answered(self, exchange: Exchange) -> None:
        self.before.answered(exchange)
        for entry in self.deadly:
            if exchange.method == entry[0] and exchange.path.endswith(entry[1]) and exchange.actor.endswith("[bot]"):
                self.deadly.remove(entry)
                self.process.kill()
                return


async def test_killed_at_the_worst_moments_the_journey_completes_with_one_of_everything(tmp_path: Path) -> None:
    port = unused_port()
    hook = {"webhook_url": f"http://127.0.0.1:{port}/webhook", "webhook_secret": SECRET}
    async with github_sandbox(tmp_path / "github", **hook) as github, ScriptedModel() as server:
        author = Author(server)
        process = Process(environment(github, server.base_url, port, tmp_path), port, tmp_path / "bot.log")
        witness = Witness(github.sandbox.api.observer, process)
        github.sandbox.api.observer = witness
        await process.start()
        try:
            await _journey(github, author, process, witness)
        finally:
            await process.end()
        assert process.kills == 6  # five on the way, one to end the test
        calls = Counter(str(request.body["messages"]) for request in server.requests)
        repeated = sum(count - 1 for count in calls.values())
        assert repeated <= 3, "only the three calls that were under way when the bot was killed may be made again"


async def _journey(github: GitHub, author: Author, process: Process, witness: Witness) -> None:
    # Right after 202, before anything was done with the event.
    number = await github.as_user("riley").submit_form(FORM, TITLE)
    await github.settle()
    process.kill()
    await process.restart()
    await until_labelled(github, number, "skill:waiting-for-start")

    # During a module call: the answer never arrives at the bot that asked.
    start = github.as_user("morgan").comment(number, "/skill start")
    await killed_at_call(process, author, "AnalyzeIntent", start)

    # Between a comment and the record of it: the preview stands, the bot does not know.
    witness.deadly.append(("POST", f"/issues/{number}/comments"))
    await process.restart()
    await github.until(lambda: _is(process.kills >= 3), 60, "the kill at the preview")
    await process.restart()
    await until_labelled(github, number, "skill:needs-decision")

    # While it waits for a person, who answers while nobody listens. GitHub does not try again by itself.
    process.kill()
    await github.as_user("morgan").comment(number, "/skill approve")
    await github.settle()

    # Between the branch and its pull request.
    witness.deadly.append(("POST", "/git/refs"))
    await process.restart()
    await github.until(lambda: _is(process.kills >= 5), 60, "the kill at the branch")
    await process.restart()
    await until_labelled(github, number, "skill:in-review")

    [listed] = await github.pulls()
    pull = await github.pull(listed["number"])
    assert pull["commits"] == 1
    assert len(await github.check_runs(pull["head"]["sha"])) == 1
    await github.as_user("morgan").merge(pull["number"])
    await until_labelled(github, number, "skill:promoted")
    words = await github.bot_comments(number)
    assert len(words) == len(set(words))
    assert sum(text.startswith("### Skill request") for text in words) == 1
    assert sum("`/skill approve" in text and text.startswith("@riley") for text in words) == 1


async def _is(done: bool) -> bool:
    return done
