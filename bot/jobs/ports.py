"""What advancing a job needs from the outside: narrow protocols, so that the core is testable with plain values."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from pydantic import Field

from bot.jobs.effects import Effect, EffectResult
from bot.jobs.events import InboxRow, IssueSnapshot
from bot.jobs.job import Job, Pull, Repository, Role
from bot.repo_config import RepoConfig
from pipeline.models import Feedback, Value
from pipeline.skills.taxonomy import Taxonomy

T = TypeVar("T", bound=Value)


class Loaded(Value):
    """A job row (None before the first event was decided), its revision, and its open inbox rows in order."""

    job: Job | None
    rev: int
    rows: list[InboxRow] = Field(default_factory=list)


class Steps(Protocol):
    """Durability: each named step's result is recorded, and replayed after a crash. Names are unique within a task."""

    async def run(self, name: str, result: type[T], work: Callable[[], Awaitable[T]]) -> T:
        """Work that changes something outside: it begins after all before it is durable, and is when this returns."""
        ...

    async def guarded(self, name: str, result: type[T], work: Callable[[], Awaitable[T]]) -> T:
        """As `run`, for work that finds out by itself that it was done: its record becomes durable with the next."""
        ...

    async def repeatable(self, name: str, result: type[T], work: Callable[[], Awaitable[T]]) -> T:
        """Work that may be done again, or come out otherwise, as long as nothing outside was changed because of it.

        Its record becomes durable before the next `run` begins.
        """
        ...


class JobStore(Protocol):
    """The jobs and inbox tables, as the advancing of a job sees them."""

    async def load(self, key: str) -> Loaded: ...

    async def save(self, job: Job, *, rev: int, done: Sequence[int], task: str) -> int:
        """Write the job if its revision is still `rev` and mark inbox rows done, in one transaction; the new revision.

        Saving again for the same `task` after a crash is a no-op. Raises SupersededError when somebody else moved on.
        """
        ...

    async def discard(self, key: str, *, done: Sequence[int], task: str) -> None:
        """Mark rows done that concern no job (e.g. a comment on an ordinary issue)."""
        ...

    async def interrupted(self, key: str, after: int) -> bool:
        """Is there an open inbox row newer than `after` that should stop a running phase?"""
        ...


class BranchNow(Value):
    """A branch at one moment: its tip ("" when there is none), and the text files of the skill if the tip is news."""

    tip: str
    files: dict[str, str] | None = None


class Remains(Value):
    """What GitHub still holds of a request whose job row is not there: the issue, and our newest pull request."""

    issue: IssueSnapshot
    pull: Pull | None = None
    files: dict[str, str] | None = None


class GitHub(Protocol):
    """Reads and writes on one GitHub, already authenticated per repository."""

    async def role(self, repository: Repository, login: str) -> Role: ...

    async def config(self, repository: Repository) -> RepoConfig: ...

    async def code_owners(self, repository: Repository, path: str) -> tuple[str, ...]:
        """Logins that own the skill in the folder `path`, according to CODEOWNERS on the default branch."""
        ...

    async def taxonomy(self, repository: Repository, config: RepoConfig) -> Taxonomy: ...

    async def branch_now(self, repository: Repository, branch: str, path: str, known: str) -> BranchNow:
        """The branch, with the text files of the skill at `path` unless its tip is still `known`."""
        ...

    async def remains(self, repository: Repository, issue_number: int) -> Remains | None:
        """What is left of a request on GitHub; None when there is no such issue."""
        ...

    async def conflicts(self, repository: Repository, pull_number: int) -> bool | None:
        """Does the open pull request conflict with its base? None: GitHub has not worked it out yet."""
        ...

    async def issue_of_pull(self, repository: Repository, pull_number: int) -> int | None:
        """The issue whose skill this pull request of ours proposes; None when it is not ours."""
        ...

    async def pulls_checked_at(self, repository: Repository, head_sha: str) -> list[int]:
        """The pull requests that our check runs on this commit were made for."""
        ...

    async def said_on_pull(self, repository: Repository, pull_number: int) -> list[Feedback]:
        """What people said on a pull request, oldest first: reviews, line comments, comments; a bounded number."""
        ...

    async def perform(self, effect: Effect, job_key: str, repository: Repository) -> EffectResult: ...


class NotBeforeError(Exception):
    """The outside forbids it until `when` (a rate limit): the job is taken up again then, and that was no failure."""

    def __init__(self, when: datetime, reason: str) -> None:
        super().__init__(reason)
        self.when = when


class PassingError(Exception):
    """Something outside is away; the same will work later."""


class OutageError(PassingError):
    """What a running job waits for, in words for people."""


class EventError(Exception):
    """Handling one event of the inbox failed: `row` is its id, `cause` what went wrong."""

    def __init__(self, row: int, cause: Exception) -> None:
        super().__init__(f"event {row}: {cause}")
        self.row, self.cause = row, cause


class SupersededError(Exception):
    """Another task saved this job first; this one must stop without writing."""
