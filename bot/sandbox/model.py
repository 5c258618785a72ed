"""The state that is not file content, as plain typed objects. Content lives in each repository's git store alone."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from bot.sandbox.git_store import GitStore
from bot.sandbox.values import node_id


class Role(IntEnum):
    """What an account may do in a repository; each level includes those below."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5

    @property
    def legacy(self) -> str:
        """The word of the API's old `permission` field, which knows neither triage nor maintain."""
        return {Role.TRIAGE: "read", Role.MAINTAIN: "write"}.get(self, self.name.lower())


class AccountKind(StrEnum):
    USER = "User"
    ORGANIZATION = "Organization"
    BOT = "Bot"


@dataclass(eq=False, kw_only=True)
class Account:
    id: int
    login: str
    kind: AccountKind
    name: str
    created_at: datetime

    @property
    def node_id(self) -> str:
        return node_id(
            {AccountKind.USER: "U", AccountKind.ORGANIZATION: "O", AccountKind.BOT: "BOT"}[self.kind], self.id
        )

    @property
    def email(self) -> str:
        return f"{self.id}+{self.login}@users.noreply.github.com"


@dataclass(eq=False, kw_only=True)
class Label:
    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(eq=False, kw_only=True)
class Reaction:
    id: int
    user: Account
    content: str
    created_at: datetime


@dataclass(frozen=True)
class Edit:
    """One earlier text of an issue or comment, as its edit history shows it."""

    at: datetime
    by: Account
    before: str


@dataclass(eq=False, kw_only=True)
class App:
    id: int
    slug: str
    name: str
    owner: Account
    bot: Account
    client_id: str
    public_key_pem: str
    permissions: dict[str, str]
    events: list[str]
    created_at: datetime
    webhook_url: str = ""
    webhook_secret: str = ""
    hook_id: int = 0


@dataclass(eq=False, kw_only=True)
class Installation:
    id: int
    app: App
    account: Account
    permissions: dict[str, str]
    events: list[str]
    created_at: datetime
    updated_at: datetime
    repository_ids: set[int] | None = None  # None: all repositories of the account
    suspended_at: datetime | None = None
    suspended_by: Account | None = None
    deleted: bool = False

    @property
    def node_id(self) -> str:
        return node_id("MDIzOkludGVncmF0aW9u", self.id)


@dataclass(eq=False, kw_only=True)
class Comment:
    id: int
    user: Account
    body: str
    created_at: datetime
    updated_at: datetime
    via_app: App | None = None
    reactions: list[Reaction] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    minimized: str | None = None

    @property
    def node_id(self) -> str:
        return node_id("IC", self.id)


@dataclass(eq=False, kw_only=True)
class TimelineEvent:
    """What an issue's event list shows: closed, labeled, locked and so on."""

    id: int
    event: str
    actor: Account
    created_at: datetime
    label: Label | None = None
    commit_id: str | None = None
    via_app: App | None = None
    source: "Issue | None" = None  # the thread that referred to this one


@dataclass(eq=False, kw_only=True)
class Issue:
    """An issue, or the issue half of a pull request (`pull` is set then)."""

    id: int
    number: int
    title: str
    body: str | None
    user: Account
    created_at: datetime
    updated_at: datetime
    state: str = "open"
    state_reason: str | None = None
    closed_at: datetime | None = None
    closed_by: Account | None = None
    labels: list[Label] = field(default_factory=list)
    assignees: list[Account] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    timeline: list[TimelineEvent] = field(default_factory=list)
    locked: bool = False
    lock_reason: str | None = None
    via_app: App | None = None
    pull: "Pull | None" = None

    @property
    def node_id(self) -> str:
        return node_id("PR" if self.pull else "I", self.pull.id if self.pull else self.id)


@dataclass(eq=False, kw_only=True)
class ReviewComment:
    id: int
    review_id: int
    user: Account
    body: str
    path: str
    commit_id: str
    original_commit_id: str
    diff_hunk: str
    created_at: datetime
    updated_at: datetime
    line: int | None
    side: str
    position: int | None
    start_line: int | None = None
    start_side: str | None = None
    subject: str = "line"
    in_reply_to: int | None = None
    reactions: list[Reaction] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    original_line: int | None = None
    original_position: int | None = None


@dataclass(eq=False, kw_only=True)
class Review:
    id: int
    user: Account
    body: str
    state: str  # PENDING, COMMENTED, APPROVED, CHANGES_REQUESTED, DISMISSED
    commit_id: str
    submitted_at: datetime | None


@dataclass(eq=False, kw_only=True)
class Pull:
    id: int
    issue: Issue
    home: "Repository | None"  # where its head is: the repository itself, or a fork; None when that was deleted
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    draft: bool = False
    merged_at: datetime | None = None
    merged_by: Account | None = None
    merge_commit_sha: str | None = None
    maintainer_can_modify: bool = False
    requested_reviewers: list[Account] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    review_comments: list[ReviewComment] = field(default_factory=list)
    mergeability_looks: int = 0
    """Since the last change: GitHub works it out in the background, the first look sees null."""

    @property
    def number(self) -> int:
        return self.issue.number

    @property
    def merged(self) -> bool:
        return self.merged_at is not None


@dataclass(eq=False, kw_only=True)
class Annotation:
    path: str
    start_line: int
    end_line: int
    level: str
    message: str
    start_column: int | None = None
    end_column: int | None = None
    title: str | None = None
    raw_details: str | None = None


@dataclass(frozen=True)
class CheckAction:
    label: str
    description: str
    identifier: str


@dataclass(eq=False, kw_only=True)
class CheckSuite:
    id: int
    app: App
    head_sha: str
    head_branch: str | None
    before: str | None
    created_at: datetime
    updated_at: datetime
    concluded: bool = False  # `completed` was announced for the present set of runs


@dataclass(eq=False, kw_only=True)
class CheckRun:
    id: int
    suite: CheckSuite
    name: str
    head_sha: str
    status: str
    conclusion: str | None
    started_at: datetime | None
    completed_at: datetime | None
    external_id: str
    details_url: str | None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Annotation] = field(default_factory=list)
    actions: list[CheckAction] = field(default_factory=list)

    @property
    def app(self) -> App:
        return self.suite.app


@dataclass(kw_only=True)
class Protection:
    """A protected branch: nobody pushes to it directly, and a merge needs these."""

    approvals: int = 0
    checks: tuple[str, ...] = ()


@dataclass(eq=False, kw_only=True)
class Repository:
    id: int
    owner: Account
    name: str
    git: GitStore
    created_at: datetime
    updated_at: datetime
    pushed_at: datetime
    private: bool = False
    archived: bool = False
    description: str | None = None
    default_branch: str = "main"
    roles: dict[int, Role] = field(default_factory=dict)  # account id -> role, however it was granted
    collaborators: set[int] = field(default_factory=set)  # invited to this repository itself
    public_members: set[int] = field(default_factory=set)  # publicly visible members of the owning organization
    labels: list[Label] = field(default_factory=list)
    issues: dict[int, Issue] = field(default_factory=dict)
    threads: dict[int, Issue] = field(default_factory=dict)  # comment id -> where it is
    gone_issues: dict[int, str | None] = field(default_factory=dict)  # number -> new API URL, None when deleted
    suites: list[CheckSuite] = field(default_factory=list)
    runs: list[CheckRun] = field(default_factory=list)
    known_refs: dict[str, str] = field(default_factory=dict)  # what has been announced by webhooks
    verified_commits: set[str] = field(default_factory=set)
    committers: dict[str, tuple[Account | None, Account | None]] = field(default_factory=dict)
    protected: dict[str, Protection] = field(default_factory=dict)
    former_names: set[str] = field(default_factory=set)
    parent: "Repository | None" = None  # what it was forked from
    next_number: int = 1

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def node_id(self) -> str:
        return node_id("R", self.id)

    @property
    def pulls(self) -> list[Pull]:
        return [issue.pull for issue in self.issues.values() if issue.pull]
