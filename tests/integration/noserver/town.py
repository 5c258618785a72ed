"""A repository without a bot server: every event that GitHub would start a workflow for is run, as a runner would."""

import json
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.github.secrets import Secret
from bot.jobs.job import Job, JobStatus
from bot.noserver.books import Books
from bot.noserver.ref import REF, StateRef
from bot.noserver.run import Ended, Inputs, perform
from bot.noserver.worker import Pauses
from bot.sandbox import actions
from bot.settings import load
from bot.store.database import latest_revision
from tests.e2e.town import FORM, LABEL, TITLE
from tests.github_sandbox import GitHub, github_sandbox

PERMISSIONS = {"contents": "write", "issues": "write", "pull_requests": "write", "checks": "write"}
BOT = "github-actions[bot]"
QUICK = Pauses(write=0.3, retry=(0.01,), poll=0.05, patience=20)
_APPROVE = re.compile(r"`/skill approve ([0-9a-f]{8})`")
Event = tuple[str, dict[str, Any]]


@dataclass
class Town:
    github: GitHub
    root: Path
    token: str
    waiting: deque[Event]
    settings: dict[str, Any] = field(default_factory=dict)
    pauses: Pauses = QUICK
    runs: int = 7_000_000_000
    ended: list[Ended] = field(default_factory=list)

    # --- a runner ----------------------------------------------------------------------------------------------------

    def environ(self, event: str, payload: dict[str, Any]) -> dict[str, str]:
        """The variables of a new run of the workflow on this event."""
        self.runs += 1
        folder = self.root / "runs" / str(self.runs)
        folder.mkdir(parents=True)
        (folder / "event.json").write_text(json.dumps(payload))
        sandbox = self.github.sandbox
        return {
            "GITHUB_REPOSITORY": self.github.repo,
            "GITHUB_REPOSITORY_ID": str(sandbox.repository.id),
            "GITHUB_RUN_ID": str(self.runs),
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_API_URL": sandbox.api_url,
            "GITHUB_SERVER_URL": sandbox.url,
            "GITHUB_GRAPHQL_URL": str(sandbox.connection()["graphql_url"]),
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(folder / "event.json"),
            "RUNNER_TEMP": str(folder),
        }

    def inputs(self) -> Inputs:
        settings = {"github_api_url": self.github.sandbox.api_url, "github_pacing": "off", "log_level": "WARNING"}
        return Inputs(Secret(self.token), load(webhook_secret="x" * 32, **{**settings, **self.settings}))

    async def run(self, event: str, payload: dict[str, Any] | None = None, **options: Any) -> Ended:
        """One run of the workflow, to its end."""
        environ = self.environ(event, payload or {})
        folder = Path(environ["RUNNER_TEMP"]) / "work"
        folder.mkdir()
        ended = await perform(environ, self.inputs(), folder, **{"pauses": self.pauses, **options})
        self.ended.append(ended)
        return ended

    async def settle(self) -> None:
        """Run the workflow for every event that has come and those that come of it, one after the other."""
        while self.waiting:
            await self.run(*self.waiting.popleft())

    # --- people ------------------------------------------------------------------------------------------------------

    async def file(self, start: bool = True, **fields: str) -> int:
        number = await self.github.as_user("riley").submit_form({**FORM, **fields}, TITLE)
        await self.settle()
        if start:
            await self.say("morgan", number, "/skill start")
        return number

    async def say(self, who: str, number: int, text: str) -> int:
        comment = await self.github.as_user(who).comment(number, text)
        await self.settle()
        return comment

    async def to_preview(self, **fields: str) -> int:
        number = await self.file(**fields)
        while (job := await self.job(number)).status is JobStatus.PENDING_USER_INPUT:
            checkpoint = job.journey.checkpoint
            assert checkpoint is not None
            await self.say("riley", number, "/skill skip" if checkpoint.kind == "clarify" else "/skill accept")
        assert job.status is JobStatus.PENDING_HITL
        return number

    async def digest(self, number: int) -> str:
        found = [match[1] for body in await self.words(number) if (match := _APPROVE.search(body))]
        assert found, "no preview is shown"
        return found[-1]

    async def words(self, number: int) -> list[str]:
        return [each["body"] for each in await self.github.comments(number) if each["user"]["login"] == BOT]

    # --- what there is -----------------------------------------------------------------------------------------------

    @property
    def commit(self) -> str:
        """What the state ref names."""
        return self.github.sandbox.repository.git.refs().get(REF, "")

    async def books(self) -> Books:
        url = f"{self.github.sandbox.url}/{self.github.repo}.git"
        books = Books(
            StateRef(self.root / "reader.git", url, Secret(self.token)), "reader", latest_revision(), lambda: 0
        )
        await books.look()
        return books

    async def job(self, number: int) -> Job:
        books = await self.books()
        row = books.read(f"{self.github.sandbox.repository.id}:{number}").job
        assert row is not None, f"there is no job for #{number}"
        return Job.model_validate_json(str(row["state"]))


@asynccontextmanager
async def town(root: Path, **settings: Any) -> AsyncIterator[Town]:
    """A sandbox whose only bot is the workflow."""
    waiting: deque[Event] = deque()
    async with github_sandbox(root / "github") as github:
        sandbox = github.sandbox
        on_event: Callable[[str, dict[str, Any]], None] = lambda event, payload: waiting.append((event, payload))  # noqa: E731
        hub = actions.enable(sandbox.world, sandbox.repository, on_event)
        yield Town(github, root, hub.token(sandbox.repository, PERMISSIONS), waiting, settings)


__all__ = ["BOT", "LABEL", "Town", "town"]
