"""People, GitHub and the bot in one place, with the words that tests need."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import skills_ref
from aiohttp import web
from aiohttp.test_utils import unused_port

from bot.app import SERVICE, Service, create_app
from bot.compose import compose
from bot.engine.dispatcher import Schedule
from bot.jobs.job import Job, JobStatus
from bot.settings import load
from tests.github_sandbox import GitHub, github_sandbox

SECRET = "end-to-end-secret-0123456789"
LABEL = "skill-request"
TITLE = "Skill request: release notes"
FORM = {
    "name": "release-notes",
    "purpose": (
        "Write release notes from merged pull requests.\n\n"
        "1. List the pull requests merged since the last tag with `git log --merges --oneline v1.0.0..HEAD`.\n"
        "2. Group them by label: breaking, feature, fix.\n"
        "3. Write one line for each, in the past tense, with the number."
    ),
    "when": "When somebody prepares a release or asks for release notes. Not for commit messages.",
    "examples": "Input: one merged pull request.\n\n```markdown\n### Features\n- Added a dark theme (#12)\n```",
    "constraints": "Never invent a change.",
}
_APPROVE = re.compile(r"`/skill approve ([0-9a-f]{8})`")


@dataclass
class Bot:
    """The service under test; `start` and `stop` it as often as wanted, the database stays."""

    github: GitHub
    database_url: str
    port: int
    environment: dict[str, Any] = field(default_factory=dict)
    _runner: web.AppRunner | None = None
    _service: Service | None = None

    @property
    def is_running(self) -> bool:
        return self._service is not None

    @property
    def service(self) -> Service:
        assert self._service is not None, "the bot is not running"
        return self._service

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self) -> dict[str, Any]:
        return {
            "github_api_url": self.github.sandbox.api_url,
            "github_app_id": str(self.github.sandbox.app.id),
            "github_private_key_file": self.github.sandbox.private_key_file,
            "github_pacing": "off",
            "webhook_secret": SECRET,
            "database_url": self.database_url,
            "port": self.port,
            "log_level": "WARNING",
            **self.environment,
        }

    async def start(self) -> None:
        schedule = Schedule(sweep=0.3, timers=0.3, retention=3_600, coalesce=0.001)
        app = create_app(load(**self.settings()), compose, schedule=schedule, polling_seconds=0.02)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self._service = app[SERVICE]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = self._service = None

    async def quiet(self, seconds: float = 60) -> None:
        """Until every delivery is handled and nothing runs."""
        async with asyncio.timeout(seconds):
            calm = 0
            while calm < 3:
                await self.github.settle()
                calm = 0 if await self._busy() else calm + 1
                await asyncio.sleep(0.02)

    async def _busy(self) -> bool:
        stores = self.service.stores
        running = (await stores.jobs.counts()).get(JobStatus.RUNNING, 0)
        return bool(self.service.engine.running or running or (await stores.inbox.backlog()).open)

    async def find_job(self, number: int) -> Job | None:
        owner, _, name = self.github.repo.partition("/")
        row = await self.service.stores.jobs.find_by_issue(owner, name, number)
        return row.job if row is not None else None

    async def job(self, number: int) -> Job:
        job = await self.find_job(number)
        assert job is not None, f"there is no job for #{number}"
        return job


@dataclass
class Town:
    github: GitHub
    bot: Bot

    async def file(self, title: str = TITLE, start: bool = True, **fields: str) -> int:
        """File the form as riley; morgan starts it unless told otherwise. The issue's number, when all is at rest."""
        number = await self.github.as_user("riley").submit_form({**FORM, **fields}, title)
        await self.bot.quiet()
        if start:
            await self.say("morgan", number, "/skill start")
        return number

    async def open(self, title: str, body: str | None, start: bool = True) -> int:
        """An issue with a free body; morgan puts the label on."""
        number = await self.github.as_user("riley").open_issue(title, body)
        if start:
            await self.github.as_user("morgan").label(number, LABEL)
        await self.bot.quiet()
        return number

    async def say(self, who: str, number: int, text: str) -> int:
        comment_id = await self.github.as_user(who).comment(number, text)
        await self.bot.quiet()
        return comment_id

    async def to_preview(self, **fields: str) -> int:
        """A request at its first preview."""
        number = await self.file(**fields)
        return await self.skip_questions(number)

    async def skip_questions(self, number: int) -> int:
        while await self.status(number) is JobStatus.PENDING_USER_INPUT:
            checkpoint = (await self.bot.job(number)).journey.checkpoint
            assert checkpoint is not None
            await self.say("riley", number, "/skill skip" if checkpoint.kind == "clarify" else "/skill accept")
        assert await self.status(number) is JobStatus.PENDING_HITL
        return number

    async def to_review(self, **fields: str) -> tuple[int, dict[str, Any]]:
        """A request with its pull request open: issue number and pull request."""
        number = await self.to_preview(**fields)
        await self.say("morgan", number, f"/skill approve {await self.open_digest(number)}")
        job = await self.bot.job(number)
        assert job.status is JobStatus.IN_REVIEW, job.ended_reason
        assert job.pull is not None
        return number, await self.github.pull(job.pull.number)

    async def open_digest(self, number: int) -> str:
        found = [match[1] for body in await self.words(number) if (match := _APPROVE.search(body))]
        assert found, "no preview is shown"
        return found[-1]

    async def words(self, number: int) -> list[str]:
        """What the bot says in the thread now, the status comment included."""
        return await self.github.bot_comments(number)

    async def status(self, number: int) -> JobStatus:
        return (await self.bot.job(number)).status

    async def state_label(self, number: int) -> str:
        labels = [name for name in await self.github.labels(number) if name.startswith("skill:")]
        assert len(labels) == 1, labels
        return labels[0].removeprefix("skill:")

    async def assert_nothing_twice(self, number: int) -> None:
        """One status comment, and every comment of the bot is there for a reason of its own."""
        words = await self.words(number)
        markers = [match[0] for body in words if (match := re.search(r"effect=[0-9a-f]+", body))]
        assert len(markers) == len(words), "every comment of the bot carries its marker"
        assert len(set(markers)) == len(markers), "a comment was posted twice"
        assert sum(body.startswith("### Skill request") for body in words) <= 1


@asynccontextmanager
async def town(root: Path, database_url: str, *, enterprise: bool = False, **environment: Any) -> AsyncIterator[Town]:
    """A sandbox (with `enterprise` its API below a path) and a running bot that serves it."""
    port = unused_port()
    hook = {"webhook_url": f"http://127.0.0.1:{port}/webhook", "webhook_secret": SECRET}
    async with github_sandbox(root / "github", enterprise=enterprise, **hook) as github:
        bot = Bot(github, database_url, port, environment)
        await bot.start()
        try:
            yield Town(github, bot)
            if bot.is_running:
                await _accepted_by_the_reference(bot, root / "produced")
        finally:
            await bot.stop()


async def _accepted_by_the_reference(bot: Bot, folder: Path) -> None:
    """Every skill that a test had written is valid by the reference library as well."""
    for row in await bot.service.stores.jobs.list_jobs():
        journey = row.job.journey
        result = journey.validation or journey.generation
        if result is None:
            continue
        skill = folder / str(row.job.issue_number) / result.draft.name
        for path, text in result.draft.files.items():
            (skill / path).parent.mkdir(parents=True, exist_ok=True)
            (skill / path).write_text(text)
        assert skills_ref.validate(skill) == [], f"the skill of #{row.job.issue_number}"
