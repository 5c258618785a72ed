"""Checks every pull request that touches skills, whoever opened it. No job: a few events, one effect, nothing kept.

Events of such pull requests are stored under a key of their own; the engine hands them here instead of to a job.
"""

from dataclasses import dataclass

from bot.jobs import jobless
from bot.jobs.effects import Check, EffectResult, Fix
from bot.jobs.events import InboxRow
from bot.jobs.identity import BotIdentity
from bot.jobs.intake import parse, repository_of
from bot.jobs.job import Repository, Role
from bot.jobs.payloads import Payload
from bot.jobs.ports import GitHub, JobStore, Steps
from bot.store.keys import check_key, commit_of, pull_number
from pipeline.models import Value


class Answered(Value):
    """The outcome of one check, in the shape that steps can store."""

    result: EffectResult


class Checked(Value):
    pulls: list[int]


@dataclass(frozen=True)
class PullChecks:
    """`advance` for the keys that `bot.store.keys.check_key` and `commit_key` make."""

    store: JobStore
    github: GitHub
    identity: BotIdentity

    async def advance(self, key: str, task: str, steps: Steps) -> None:
        """Check what the open rows of `key` ask for. Raises what the steps raise; the engine tries again."""
        rows = await jobless.load(key, self.store, steps)
        for row in _worth_checking(rows):
            for number in await self._pulls(key, row, steps):
                repository, effect = await self._wanted(row, number)
                if repository is None or effect is None:
                    continue
                await self._check(check_key(repository.id, number), repository, effect, f"{row.id}:{number}", steps)
        await jobless.close(key, rows, task, self.store, steps)

    async def _pulls(self, key: str, row: InboxRow, steps: Steps) -> list[int]:
        """What the event is about: the pull request that its key names, or those that we checked at its commit."""
        sha, repository = commit_of(key), repository_of(row)
        if sha is None:
            return [pull_number(key)]
        payload = parse(row)
        if repository is None or payload is None or not _head(row, payload, self.identity)[0]:
            return []

        async def look() -> Checked:
            return Checked(pulls=await self.github.pulls_checked_at(repository, sha))

        return (await steps.repeatable(f"pulls:{row.id}", Checked, look)).pulls

    async def _check(self, key: str, repository: Repository, effect: Check | Fix, name: str, steps: Steps) -> None:
        async def perform() -> Answered:
            return Answered(result=await self.github.perform(effect, key, repository))

        await steps.run(f"check:{name}", Answered, perform)

    async def _wanted(self, row: InboxRow, number: int) -> tuple[Repository | None, Check | Fix | None]:
        payload = parse(row)
        head, again = _head(row, payload, self.identity) if payload is not None else ("", False)
        if not head or payload is None:
            return None, None
        if payload.requested_action is not None and payload.requested_action.identifier == "fix":
            return await self._fix(row, payload, head, number)
        key = f"check:{head}:{row.id}" if again else f"check:{head}"
        return repository_of(row), Check(key=key, head_sha=head, path="", pull_number=number)

    async def _fix(
        self, row: InboxRow, payload: Payload, head: str, number: int
    ) -> tuple[Repository | None, Fix | None]:
        """Only for people who could repair it themselves."""
        repository, presser = repository_of(row), payload.sender
        if repository is None or presser is None:
            return None, None
        if not (await self.github.role(repository, presser.login)).at_least(Role.WRITE):
            return None, None
        return repository, Fix(key=f"fix:{head}", head_sha=head, path="", pull_number=number, by=presser.login)


def _worth_checking(rows: list[InboxRow]) -> list[InboxRow]:
    """Of several pushes that came together only the last counts; what a person pressed always does."""
    pushes = [row for row in rows if row.event == "pull_request"]
    return [row for row in rows if row.event != "pull_request" or row is pushes[-1]]


def _head(row: InboxRow, payload: Payload, identity: BotIdentity) -> tuple[str, bool]:
    """The commit to check, and whether somebody asked to have it checked anew."""
    asked = payload.check_run or payload.check_suite
    if row.event == "pull_request" and payload.pull_request is not None:
        return payload.pull_request.head.sha, False
    if asked is not None and asked.app is not None and asked.app.id == identity.app_id:
        return asked.head_sha, True
    return "", False
