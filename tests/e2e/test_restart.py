"""`kill -9` at the worst moments of one journey, each followed by a restart: exactly one of everything at the end."""

import asyncio
import os
import signal
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import unused_port

from bot.sandbox.http import Exchange
from tests.e2e.town import FORM, SECRET, TITLE
from tests.github_sandbox import GitHub, github_sandbox
from tests.scripted_author import DEFAULTS, Author
from tests.scripted_model import Request, ScriptedModel, reply_json

ROOT = Path(__file__).parents[2]


@dataclass
class Process:
    """The bot as a user starts it."""

    environment: dict[str, str]
    port: int
    log: Path
    child: asyncio.subprocess.Process | None = None
    kills: int = 0

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve", env=self.environment, stdout=log, stderr=log, cwd=ROOT
            )
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while True:
                assert self.child.returncode is None, self.log.read_text()[-3_000:]
                with suppress(aiohttp.ClientError):
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """At once, without any farewell."""
        assert self.child is not None
        if self.child.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.child.pid, signal.SIGKILL)
                self.kills += 1

    async def restart(self) -> None:
        assert self.child is not None
        await self.child.wait()
        await self.start()


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
        process = Process(_environment(github, server.base_url, port, tmp_path), port, tmp_path / "bot.log")
        witness = Witness(github.sandbox.api.observer, process)
        github.sandbox.api.observer = witness
        await process.start()
        try:
            await _journey(github, author, process, witness)
        finally:
            process.kill()
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
    await _label(github, number, "skill:waiting-for-start")

    # During a module call: the answer never arrives at the bot that asked.
    asked = asyncio.Event()

    def hold(request: Request) -> Any:
        asked.set()
        process.kill()
        return reply_json(DEFAULTS["AnalyzeIntent"])

    author.answers["AnalyzeIntent"] = hold
    await github.as_user("morgan").comment(number, "/skill start")
    await asyncio.wait_for(asked.wait(), 60)
    author.answers["AnalyzeIntent"] = DEFAULTS["AnalyzeIntent"]

    # Between a comment and the record of it: the preview stands, the bot does not know.
    witness.deadly.append(("POST", f"/issues/{number}/comments"))
    await process.restart()
    await github.until(lambda: _is(process.kills >= 3), 60, "the kill at the preview")
    await process.restart()
    await _label(github, number, "skill:needs-decision")

    # While it waits for a person, who answers while nobody listens. GitHub does not try again by itself.
    process.kill()
    await github.as_user("morgan").comment(number, "/skill approve")
    await github.settle()

    # Between the branch and its pull request.
    witness.deadly.append(("POST", "/git/refs"))
    await process.restart()
    await github.until(lambda: _is(process.kills >= 5), 60, "the kill at the branch")
    await process.restart()
    await _label(github, number, "skill:in-review")

    [listed] = await github.pulls()
    pull = await github.pull(listed["number"])
    assert pull["commits"] == 1
    assert len(await github.check_runs(pull["head"]["sha"])) == 1
    await github.as_user("morgan").merge(pull["number"])
    await _label(github, number, "skill:promoted")
    words = await github.bot_comments(number)
    assert len(words) == len(set(words))
    assert sum(text.startswith("### Skill request") for text in words) == 1
    assert sum("`/skill approve" in text and text.startswith("@riley") for text in words) == 1


async def _is(done: bool) -> bool:
    return done


async def _label(github: GitHub, number: int, label: str) -> None:
    async def there() -> bool:
        return label in await github.labels(number)

    await github.until(there, 90, f"{label} on #{number}")


def _environment(github: GitHub, model_url: str, port: int, folder: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("SKILL_FLEET_")},
        "SKILL_FLEET_GITHUB_API_URL": github.sandbox.api_url,
        "SKILL_FLEET_GITHUB_APP_ID": str(github.sandbox.app.id),
        "SKILL_FLEET_GITHUB_PRIVATE_KEY_FILE": str(github.sandbox.private_key_file),
        "SKILL_FLEET_GITHUB_PACING": "off",
        "SKILL_FLEET_WEBHOOK_SECRET": SECRET,
        "SKILL_FLEET_DATABASE_URL": f"sqlite:///{folder / 'bot.db'}",
        "SKILL_FLEET_PORT": str(port),
        "SKILL_FLEET_MODEL": "openai/scripted",
        "SKILL_FLEET_MODEL_API_BASE": model_url,
        "SKILL_FLEET_MODEL_API_KEY": "scripted-key",
        "SKILL_FLEET_LOG_FORMAT": "json",
    }
