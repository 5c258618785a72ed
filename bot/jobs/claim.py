"""A command on a pull request that no job is known to have made: is it one of ours whose job row was lost?

GitHub names the branch; a branch of ours names the issue. The waiting events go to that job, which is rebuilt from what
GitHub holds; on anybody else's pull request they end here.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.jobs.events import InboxRow
from bot.jobs.intake import repository_of
from bot.jobs.job import Repository, job_key
from bot.jobs.ports import GitHub, JobStore, Loaded, Steps
from pipeline.models import Value

_KEY = re.compile(r"[1-9][0-9]*:pull/([1-9][0-9]*)")

Rekey = Callable[[Sequence[int], str], Awaitable[None]]
"""(inbox rows, key of the job that they belong to): it is woken for them."""


class Made(Value):
    issue: int | None


class Moved(Value):
    """The rows are the job's, or done."""


def may_be_lost(event: str, action: str, body: bytes) -> bool:
    """Is this event worth asking GitHub whose pull request it is about? Only what looks like a command to us."""
    return (event, action) == ("issue_comment", "created") and b"/skill" in body


@dataclass(frozen=True)
class Claims:
    """`advance` for the keys that `bot.store.keys.pull_key` makes."""

    store: JobStore
    github: GitHub
    rekey: Rekey

    async def advance(self, key: str, task: str, steps: Steps) -> None:
        """Give the open rows of `key` to their job, or close them. Raises what the steps raise; the engine retries."""
        match = _KEY.fullmatch(key)
        assert match is not None, f"{key} is not the key of a pull request"
        loaded = await steps.run("load", Loaded, lambda: self.store.load(key))
        repository = next(filter(None, map(repository_of, loaded.rows)), None)
        if repository is None:
            return
        issue = await self._issue(repository, int(match[1]), steps)
        await self._move(key, None if issue is None else job_key(repository.id, issue), loaded.rows, task, steps)

    async def _issue(self, repository: Repository, number: int, steps: Steps) -> int | None:
        async def look() -> Made:
            return Made(issue=await self.github.issue_of_pull(repository, number))

        return (await steps.run("issue", Made, look)).issue

    async def _move(self, key: str, to: str | None, rows: Sequence[InboxRow], task: str, steps: Steps) -> None:
        async def move() -> Moved:
            ids = [row.id for row in rows]
            if to is None:
                await self.store.discard(key, done=ids, task=task)
            else:
                await self.rekey(ids, to)
            return Moved()

        await steps.run("move", Moved, move)
