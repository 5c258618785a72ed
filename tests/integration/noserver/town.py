"""A repository without a bot server: every event that GitHub would start a workflow for is run, as a runner would."""

import json
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.github.secrets import Secret
from bot.jobs.job import Job, JobStatus
from bot.noserver.books import Books
from bot.noserver.event import words_of
from bot.noserver.reach import REF
from bot.noserver.ref import StateRef
from bot.noserver.run import Ended, Inputs, perform
from bot.noserver.state import KeyState
from bot.noserver.turn import Pauses
from bot.sandbox import Seed, actions
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
    hub: actions.Actions
    settings: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    """What the job's `env:` adds."""
    pauses: Pauses = QUICK
    runs: int = 7_000_000_000
    ahead: float = 0.0
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
            **self.variables,
        }

    def inputs(self) -> Inputs:
        settings = {"github_api_url": self.github.sandbox.api_url, "github_pacing": "off", "log_level": "WARNING"}
        return Inputs(
            Secret(self.token),
            load(webhook_secret="nothing-listens-in-a-run-of-a-workflow", **{**settings, **self.settings}),
        )

    async def run(self, event: str, payload: dict[str, Any] | None = None, **options: Any) -> Ended:
        """One run of the workflow, to its end."""
        environ = self.environ(event, payload or {})
        folder = Path(environ["RUNNER_TEMP"]) / "work"
        folder.mkdir()
        here: dict[str, Any] = {"pauses": self.pauses, "clock": lambda: time.time() + self.ahead}
        ended = await perform(environ, self.inputs(), folder, **{**here, **options})
        self.ended.append(ended)
        return ended

    async def settle(self) -> None:
        """Run the workflow for every event that has come and those that come of it, one after the other."""
        while self.waiting:
            await self.run(*self.waiting.popleft())

    def later(self, seconds: float) -> None:
        """Leases know a clock of their own here, so that nobody waits for those of the dead."""
        self.ahead += seconds

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

    async def assert_nothing_twice(self, number: int) -> None:
        words = await self.words(number)
        markers = [match[0] for body in words if (match := re.search(r"effect=[0-9a-f]+", body))]
        assert len(markers) == len(words), "every comment of the bot carries its marker"
        assert len(set(markers)) == len(markers), "a comment was posted twice"

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

    async def blobs(self) -> list[str]:
        """The objects that the state ref holds."""
        assert (await self.books()).snapshot is not None
        return list((await self.books()).snapshot.blobs.values())  # type: ignore[union-attr]

    async def heard(self, number: int) -> set[str]:
        """What was said and dealt with."""
        known = (await self.books()).read(f"{self.github.sandbox.repository.id}:{number}")
        return {words_of(row) for row in known.of("inbox") if "done_by" in row}

    async def change_job(self, number: int, **times: datetime) -> None:
        """Change times of the job in the state."""
        books = await self.books()
        key = f"{self.github.sandbox.repository.id}:{number}"
        books.clock = lambda: time.time() + self.ahead
        known = (await books.take({key: KeyState(key)})).states[key]
        assert known.job is not None
        job = Job.model_validate_json(str(known.job["state"])).with_(**times).model_dump_json()
        columns = {name: moment.strftime("%Y-%m-%d %H:%M:%S.%f") for name, moment in times.items()}
        changed = replace(known, rows={**known.rows, "jobs": ({**known.job, **columns, "state": job},)})
        await books.write({key: changed}, release=True)

    async def job(self, number: int) -> Job:
        books = await self.books()
        row = books.read(f"{self.github.sandbox.repository.id}:{number}").job
        assert row is not None, f"there is no job for #{number}"
        return Job.model_validate_json(str(row["state"]))


@asynccontextmanager
async def town(root: Path, seed: Seed | None = None, **settings: Any) -> AsyncIterator[Town]:
    """A sandbox whose only bot is the workflow."""
    waiting: deque[Event] = deque()
    async with github_sandbox(root / "github", seed) as github:
        sandbox = github.sandbox
        on_event: Callable[[str, dict[str, Any]], None] = lambda event, payload: waiting.append((event, payload))  # noqa: E731
        hub = actions.enable(sandbox.world, sandbox.repository, on_event)
        yield Town(github, root, hub.token(sandbox.repository, PERMISSIONS), waiting, hub, settings)


__all__ = ["BOT", "LABEL", "Town", "town"]
