"""`ports.GitHub` over HTTP: who may do what, the repository's configuration and skills, and performing effects.

Reads that decide about authority fail closed: an unreachable GitHub is an error, never a role.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from bot import repo_config, spans
from bot.checks import pulls_checked_at, touched_by
from bot.commands import codeowners
from bot.comments import reasons
from bot.github.cache import Lru
from bot.github.client import find_item
from bot.github.companions import RepositoryLists
from bot.github.connection import Connection
from bot.github.effects.context import Context
from bot.github.effects.log import EffectLog
from bot.github.effects.perform import perform, refusal
from bot.github.errors import GitHubError
from bot.github.git import GitReader, Trees
from bot.github.missed import MERGEABILITY_SECONDS
from bot.github.models import Account, FileContent, Issue, Permission, PullRequest, RepositoryRef
from bot.github.remarks import said_on_pull
from bot.github.taxonomy import SkillsReader
from bot.github.tokens import Purpose
from bot.jobs.effects import Check, Effect, EffectResult, Fix, MergeBase, Publish, Refused
from bot.jobs.events import IssueSnapshot
from bot.jobs.identity import BotIdentity
from bot.jobs.issue_form import read_request
from bot.jobs.job import Actor, Pull, Repository, Role
from bot.jobs.ports import BranchNow, Remains
from bot.outgoing import files_with_our_secrets, without_credentials
from bot.publish import newest_pull
from bot.repo_config import InvalidConfigError, RepoConfig
from bot.subjects import issue_of_branch
from pipeline.models import Feedback, ReportedFinding, SkillDraft
from pipeline.skills.fixing import MAX_PASSES, fixed_files
from pipeline.skills.taxonomy import Taxonomy
from pipeline.skills.validation import validate_tree

log = structlog.get_logger(__name__)

_LARGEST_CODEOWNERS = 1024 * 1024
"""Above it the contents API sends no text, and nobody's authority follows from half a file."""
ROLE_LIFE = dt.timedelta(seconds=60)

_SYMLINK = "120000"


@dataclass(frozen=True)
class KnownRole:
    role: Role
    asked: dt.datetime


class GitHubService:
    """Reads and writes on one GitHub. One instance per process."""

    def __init__(self, connection: Connection, identity: BotIdentity, effects: EffectLog) -> None:
        self._connection = connection
        self.identity = identity
        self._effects = effects
        self._roles: Lru[tuple[int, str], KnownRole] = Lru(2_048)
        self._good_configs: Lru[int, RepoConfig] = Lru(1_024)
        self._skills = SkillsReader()
        self._trees: Trees = Lru(128)
        self._blobs: Lru[str, bytes] = Lru(4_096)

    async def role(self, repository: Repository, login: str) -> Role:
        """The person's permission, at most a minute old. Raises GitHubError when GitHub cannot say."""
        key, now = (repository.id, login.casefold()), self._connection.clock()
        known = self._roles.get(key)
        if known is None or not known.asked <= now < known.asked + ROLE_LIFE:  # the clock may be set back
            known = KnownRole(await self._ask_role(repository, login), now)
            self._roles[key] = known
        return known.role

    async def _ask_role(self, repository: Repository, login: str) -> Role:
        client, at = self._connection.client(repository, Purpose.READ), {**_names(repository), "login": login}
        answer = await find_item(client, "/repos/{owner}/{repo}/collaborators/{login}/permission", at, Permission)
        return role_of(answer) if answer is not None else Role.NONE  # no such person: a deleted account

    async def config(self, repository: Repository) -> RepoConfig:
        """The configuration on the default branch, the last good one while a bad one is there.

        Raises InvalidConfigError when there never was a good one, GitHubError when GitHub cannot say.
        """
        try:
            config = repo_config.load(await self._config_text(repository))
        except InvalidConfigError as error:
            good = self._good_configs.get(repository.id)
            log.warning("config_invalid", repository=repository.full_name, problems=error.problems, kept=bool(good))
            if good is None:
                raise
            return good
        self._good_configs[repository.id] = config
        return config

    async def _config_text(self, repository: Repository) -> str:
        client = self._connection.client(repository, Purpose.READ)
        address = f"/repos/{{owner}}/{{repo}}/contents/{repo_config.PATH}"
        file = await find_item(client, address, _names(repository), FileContent)
        if file is None:
            return ""
        if file.size > repo_config.MAX_BYTES:
            raise InvalidConfigError([repo_config.TOO_LARGE])
        return file.text

    async def code_owners(self, repository: Repository, path: str) -> tuple[str, ...]:
        """People who own the skill in the folder `path`: CODEOWNERS on the default branch. Raises GitHubError.

        Owners by team or e-mail address are not resolved to people: the App does not ask for that permission.
        """
        return codeowners.owners_of_skill(await self._codeowners_text(repository), path).logins

    async def _codeowners_text(self, repository: Repository) -> str:
        client = self._connection.client(repository, Purpose.READ)
        for location in codeowners.LOCATIONS:
            address = f"/repos/{{owner}}/{{repo}}/contents/{location}"
            file = await find_item(client, address, _names(repository), FileContent)
            if file is not None:
                return file.text if file.size <= _LARGEST_CODEOWNERS else ""
        return ""

    async def taxonomy(self, repository: Repository, config: RepoConfig) -> Taxonomy:
        """The skills on the default branch now. Raises GitHubError, TooLargeError."""
        reader = self._reader(repository)
        tip = await self._default_tip(repository, reader)
        if tip is None:
            return Taxonomy()
        found = await self._skills.read(reader, tip)
        root = config.pipeline.skills_root or None
        return Taxonomy.build(found.skills, paths=found.paths, manifests=found.manifests, root=root)

    async def _default_tip(self, repository: Repository, reader: GitReader) -> str | None:
        """The tip of the default branch, which may have been renamed since we heard of the repository."""
        if (tip := await reader.branch_tip(repository.default_branch)) is not None:
            return tip
        api = self._connection.client(repository, Purpose.READ)
        today = await api.getitem("/repos/{owner}/{repo}", _names(repository), RepositoryRef)
        renamed = today.default_branch != repository.default_branch
        return await reader.branch_tip(today.default_branch) if renamed else None

    async def branch_now(self, repository: Repository, branch: str, path: str, known: str) -> BranchNow:
        """The branch, with the text files of the skill at `path` unless its tip is still `known`."""
        tip = await self._reader(repository).branch_tip(branch)
        if tip is None or tip == known:
            return BranchNow(tip=tip or "")
        return BranchNow(tip=tip, files=(await self.read_skill(repository, tip, path)).files)

    async def read_skill(self, repository: Repository, commit_sha: str, path: str) -> SkillDraft:
        """The text files of the skill at `path` as they are at a commit, e.g. after a person pushed to our branch."""
        reader = self._reader(repository)
        files: dict[str, str] = {}
        for entry in await reader.directory(await reader.tree_of(commit_sha), path):
            try:
                files[entry.path] = (await reader.blob(entry)).decode()
            except ValueError:
                continue
        return SkillDraft(name=path.rpartition("/")[2], path=path, files=files)

    async def skill_files(self, repository: Repository, path: str) -> dict[str, str] | None:
        """All files of the skill at `path` on the default branch; None when one is not a readable text file."""
        reader = self._reader(repository)
        tip = await self._default_tip(repository, reader)
        files: dict[str, str] = {}
        for entry in await reader.directory(await reader.tree_of(tip), path) if tip else []:
            if entry.mode == _SYMLINK:
                return None
            try:
                files[entry.path] = (await reader.blob(entry)).decode()
            except ValueError:
                return None
        return files

    async def remains(self, repository: Repository, issue_number: int) -> Remains | None:
        """What is left of a request on GitHub; None when there is no such issue."""
        client = self._connection.client(repository, Purpose.READ)
        at = {**_names(repository), "number": issue_number}
        issue = await find_item(client, "/repos/{owner}/{repo}/issues/{number}", at, Issue)
        if issue is None or issue.pull_request is not None:
            return None
        found = Remains(issue=snapshot(issue))
        branch = f"skill/issue-{issue_number}"
        context = await self._context(Check(key="", head_sha="", path="", pull_number=0), "", repository)
        pull = await newest_pull(branch, context)
        if pull is None or pull.user is None or not self.identity.is_login(pull.user.login):
            return found
        reader = self._reader(repository)
        touched = await touched_by(pull.number, await reader.tree_of(pull.head.sha), reader, context)
        path = next((folder for folder in touched if folder != repo_config.PATH), "")
        if not path:
            return found
        ours = Pull(number=pull.number, branch=branch, head_sha=pull.head.sha, path=path, digest="", url=pull.html_url)
        return found.model_copy(
            update={"pull": ours, "files": (await self.read_skill(repository, pull.head.sha, path)).files}
        )

    async def conflicts(self, repository: Repository, pull_number: int) -> bool | None:
        """Does the open pull request conflict with its base? None: not worked out yet, which asking begins."""
        client = self._connection.client(repository, Purpose.READ)
        at = {**_names(repository), "number": pull_number}
        for wait in (MERGEABILITY_SECONDS, 0.0):
            pull = await find_item(client, "/repos/{owner}/{repo}/pulls/{number}", at, PullRequest)
            if pull is None or pull.state == "closed":
                return False
            if pull.mergeable is not None:
                return not pull.mergeable
            if wait:
                await self._connection.sleep(wait)
        return None

    async def issue_of_pull(self, repository: Repository, pull_number: int) -> int | None:
        """The issue whose skill this pull request of ours proposes; None when it is not ours."""
        client = self._connection.client(repository, Purpose.READ)
        at = {**_names(repository), "number": pull_number}
        pull = await find_item(client, "/repos/{owner}/{repo}/pulls/{number}", at, PullRequest)
        if pull is None:
            return None
        home, author = pull.head.repo, pull.user
        ours = home is not None and home.id == repository.id and author is not None
        return issue_of_branch(pull.head.ref) if ours and author and self.identity.is_login(author.login) else None

    async def pulls_checked_at(self, repository: Repository, head_sha: str) -> list[int]:
        """The pull requests that our check runs on this commit were made for."""
        effect = Check(key="", head_sha=head_sha, path="", pull_number=0)
        return await pulls_checked_at(head_sha, await self._context(effect, "", repository))

    async def said_on_pull(self, repository: Repository, pull_number: int) -> list[Feedback]:
        """What people said on a pull request, oldest first: reviews, line comments, comments; a bounded number."""
        return await said_on_pull(self._connection.client(repository, Purpose.READ), _names(repository), pull_number)

    async def perform(self, effect: Effect, job_key: str, repository: Repository) -> EffectResult:
        """Make `effect` stand. Raises TransientError (RetryAtError: when) to be tried again by the caller."""
        names = {spans.JOB: job_key, spans.EFFECT_KEY: effect.key, spans.EFFECT_KIND: effect.kind}
        with spans.span(spans.Name.EFFECT, names):
            result = await self._performed(effect, job_key, repository)
            spans.tell({spans.OUTCOME: result.kind})
            return result

    async def _performed(self, effect: Effect, job_key: str, repository: Repository) -> EffectResult:
        try:
            context = await self._context(effect, job_key, repository)
        except GitHubError as error:
            if (refused := refusal(error)) is None:
                raise
            return refused
        if isinstance(effect, Publish) and (found := files_with_our_secrets(effect.draft)):
            return Refused(code="invalid", reason=reasons.shows_secret(found))
        result = await perform(without_credentials(effect), context)
        log.info("effect", job=job_key, effect=effect.key, kind=effect.kind, outcome=result.kind)
        return result

    async def _context(self, effect: Effect, job_key: str, repository: Repository) -> Context:
        client = self._connection.client
        config = (
            await self._usable_config(repository)
            if isinstance(effect, Check | Fix | MergeBase | Publish)
            else RepoConfig()
        )
        return Context(
            job_key=job_key,
            repository=repository,
            talk=client(repository, Purpose.TALK),
            publish=client(repository, Purpose.PUBLISH),
            read=client(repository, Purpose.READ),
            log=self._effects,
            bot=self.identity,
            sleep=self._connection.sleep,
            trees=self._trees,
            blobs=self._blobs,
            validate=partial(validate_folder, profile=config.validation_profile),
            repair=partial(repair_folder, profile=config.validation_profile),
            companions=RepositoryLists(self._skills, config.pipeline.skills_root),
            reviewers=await self._reviewers(repository, effect, config),
        )

    async def _reviewers(self, repository: Repository, effect: Effect, config: RepoConfig) -> tuple[str, ...]:
        """The configured people, and the people who own the skill's folder."""
        if not isinstance(effect, Publish):
            return ()
        owners = await self.code_owners(repository, effect.draft.path)
        return tuple(dict.fromkeys([*config.reviewers, *owners]))

    async def _usable_config(self, repository: Repository) -> RepoConfig:
        """For profile and reviewers alone: a broken file must not keep an approved skill from being published."""
        try:
            return await self.config(repository)
        except InvalidConfigError:
            return RepoConfig()

    def _reader(self, repository: Repository) -> GitReader:
        api = self._connection.client(repository, Purpose.READ)
        return GitReader(api, _names(repository), self._trees, self._blobs)


def _names(repository: Repository) -> dict[str, str | int]:
    return {"owner": repository.owner, "repo": repository.name}


def snapshot(issue: Issue) -> IssueSnapshot:
    """An issue as the API shows it, in the shape that events have."""
    author = issue.user or Account(login="ghost", id=10137)
    kind = author.type if author.type in {"User", "Bot", "Organization", "Mannequin"} else "User"
    return IssueSnapshot(
        number=issue.number,
        title=issue.title,
        author=Actor.model_validate({"login": author.login, "id": author.id, "type": kind}),
        labels=frozenset(label.name for label in issue.labels),
        open=issue.state == "open",
        request=read_request(issue.title, issue.body or "", author.login),
    )


def role_of(answer: Permission) -> Role:
    """GitHub's `permission` knows four words; `role_name` adds triage and maintain (and custom roles, ignored)."""
    granted = {role.value for role in Role}
    if answer.role_name in granted:
        return Role(answer.role_name)
    return Role(answer.permission) if answer.permission in granted else Role.NONE


def repair_folder(path: str, files: Mapping[str, bytes], *, profile: str) -> Mapping[str, str]:
    """What the rules can repair in one skill's folder: path to new text, for the files that change."""
    now = dict(files)
    for _ in range(MAX_PASSES):
        changed = fixed_files(now, validate_tree(now, only=[path], profile=profile).findings)
        if not changed:
            break
        now |= changed
    return {file: data.decode() for file, data in now.items() if data != files[file]}


def validate_folder(path: str, files: Mapping[str, bytes], *, profile: str) -> Sequence[ReportedFinding]:
    """The rules over one skill's folder."""
    report = validate_tree(files, only=[path], profile=profile)
    return [
        ReportedFinding(
            rule=finding.rule,
            severity=finding.severity.value,
            message=finding.message,
            file=finding.file,
            line=finding.line,
            column=finding.column,
        )
        for finding in report.findings
    ]
