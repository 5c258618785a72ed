"""What every effect is performed with: the job, the repository, clients per purpose, the log, who we are."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from bot.github.cache import Lru
from bot.github.client import GitHubApi
from bot.github.effects.log import EffectLog
from bot.github.errors import UnknownOutcomeError
from bot.github.git import Blobs, GitReader, Trees
from bot.github.models import Comment
from bot.github.pacing import Sleep
from bot.jobs.effects import Done
from bot.jobs.identity import BotIdentity
from bot.jobs.job import Repository
from pipeline.models import ReportedFinding, SkillDraft

T = TypeVar("T")
ATTEMPTS = 3


class Validate(Protocol):
    """The rules, over one skill's folder given with paths from the repository's root."""

    def __call__(self, path: str, files: Mapping[str, bytes]) -> Sequence[ReportedFinding]: ...


class Repair(Protocol):
    """What the rules can repair in one skill's folder, with paths from the repository's root."""

    def __call__(self, path: str, files: Mapping[str, bytes]) -> Mapping[str, str]:
        """Path to new text, for the files that change."""
        ...


def no_repair(path: str, files: Mapping[str, bytes]) -> Mapping[str, str]:
    """Nothing is repaired."""
    return {}


class Companions(Protocol):
    """Files outside the skill's directory that follow from it (lists, manifests), made on the tree they go into."""

    async def __call__(self, draft: SkillDraft, tree_sha: str, reader: GitReader) -> Mapping[str, str]:
        """Path from the repository's root to new text; unchanged files may be left out."""
        ...


async def no_companions(draft: SkillDraft, tree_sha: str, reader: GitReader) -> Mapping[str, str]:
    """The skill's own files are all there is."""
    return {}


@dataclass(frozen=True)
class Context:
    """`talk`, `publish` and `read` are the same GitHub through tokens that may do only what their name says."""

    job_key: str
    repository: Repository
    talk: GitHubApi
    publish: GitHubApi
    read: GitHubApi
    log: EffectLog
    bot: BotIdentity
    sleep: Sleep
    validate: Validate
    trees: Trees = field(default_factory=lambda: Lru(64))
    blobs: Blobs = field(default_factory=lambda: Lru(512))
    repair: Repair = no_repair
    companions: Companions = no_companions
    reviewers: tuple[str, ...] = ()

    def at(self, **values: str | int) -> dict[str, str | int]:
        """URL values: the repository and these."""
        return {"owner": self.repository.owner, "repo": self.repository.name, **values}

    def reader(self) -> GitReader:
        """Reads the repository's git objects, remembering what cannot change."""
        return GitReader(self.publish, self.at(), self.trees, self.blobs)

    @property
    def issue_number(self) -> int:
        return int(self.job_key.rpartition(":")[2])

    def is_ours(self, comment: Comment) -> bool:
        """Written by this App: by its numeric id where GitHub tells it, else by our login."""
        if comment.performed_via_github_app is not None and comment.performed_via_github_app.id is not None:
            return comment.performed_via_github_app.id == self.bot.app_id
        return comment.user is not None and self.bot.is_login(comment.user.login)

    async def done(self, key: str, kind: str, remote_id: int = 0, url: str = "") -> Done:
        """Record the effect and return its result."""
        result = Done(remote_id=remote_id, url=url)
        await self.log.record(self.job_key, key, kind, remote_id, result)
        return result

    async def create_once(self, find: Callable[[], Awaitable[T | None]], create: Callable[[], Awaitable[T]]) -> T:
        """What `find` sees, else what `create` makes; after a lost answer look again before creating again."""
        for attempt in range(1, ATTEMPTS + 1):
            if (found := await find()) is not None:
                return found
            try:
                return await create()
            except UnknownOutcomeError:
                if attempt == ATTEMPTS:
                    raise
                await self.sleep(float(attempt))
        raise AssertionError("unreachable")

    async def insist(self, write: Callable[[], Awaitable[T]]) -> T:
        """A write that may be repeated freely, repeated after a lost answer."""
        for attempt in range(1, ATTEMPTS):
            try:
                return await write()
            except UnknownOutcomeError:
                await self.sleep(float(attempt))
        return await write()
