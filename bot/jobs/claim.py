"""A command on a pull request that no job is known to have made: is it one of ours whose job row was lost?

GitHub names the branch; a branch of ours names the issue. The waiting events go to that job, which is rebuilt from what
GitHub holds; on anybody else's pull request they end here.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.jobs import jobless
from bot.jobs.events import InboxRow
from bot.jobs.job import Repository, job_key
from bot.jobs.ports import GitHub, JobStore, Steps
from bot.store.keys import pull_number
from pipeline.models import Value

Rekey = Callable[[Sequence[int], str], Awaitable[None]]
"""(inbox rows, key of the job that they belong to): it is woken for them."""


class Made(Value):
    issue: int | None


class Moved(Value):
    """The rows are the job's."""


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
        rows = await jobless.load(key, self.store, steps)
        repository = jobless.where_from(rows)
        issue = await self._issue(repository, pull_number(key), steps) if repository is not None else None
        if repository is None or issue is None:
            await jobless.close(key, rows, task, self.store, steps)
        else:
            await self._move(job_key(repository.id, issue), rows, steps)

    async def _issue(self, repository: Repository, number: int, steps: Steps) -> int | None:
        async def look() -> Made:
            return Made(issue=await self.github.issue_of_pull(repository, number))

        return (await steps.repeatable("issue", Made, look)).issue

    async def _move(self, to: str, rows: Sequence[InboxRow], steps: Steps) -> None:
        async def move() -> Moved:
            await self.rekey([row.id for row in rows], to)
            return Moved()

        await steps.repeatable("move", Moved, move)
