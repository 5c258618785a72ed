"""The parts of GitHub's answers that we read, as values. Unknown fields are ignored: answers grow."""

import base64
import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Remote(BaseModel):
    """Something GitHub told us."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Nothing(Remote):
    """An answer whose content does not matter."""


class Account(Remote):
    login: str
    id: int
    type: str = "User"


class AppRef(Remote):
    id: int | None = None
    slug: str | None = None


class App(Remote):
    id: int
    slug: str
    name: str = ""
    permissions: dict[str, str] = Field(default_factory=dict)
    events: list[str] = Field(default_factory=list)


class Comment(Remote):
    """An issue comment or a review comment."""

    id: int
    body: str | None = None
    user: Account | None = None
    html_url: str = ""
    created_at: dt.datetime | None = None
    performed_via_github_app: AppRef | None = None
    in_reply_to_id: int | None = None
    path: str | None = None
    line: int | None = None
    original_line: int | None = None


class Review(Remote):
    id: int
    state: str
    body: str | None = None
    user: Account | None = None
    submitted_at: dt.datetime | None = None


class Label(Remote):
    name: str


class Issue(Remote):
    number: int
    state: str
    title: str = ""
    body: str | None = None
    user: Account | None = None
    state_reason: str | None = None
    html_url: str = ""
    repository_url: str = ""
    closed_by: Account | None = None
    closed_at: dt.datetime | None = None
    pull_request: Nothing | None = None
    labels: list[Label] = Field(default_factory=list)


class IssueEvent(Remote):
    id: int
    event: str
    actor: Account | None = None
    label: Label | None = None
    created_at: dt.datetime


class Reaction(Remote):
    id: int


class RepositoryRef(Remote):
    id: int
    full_name: str = ""
    default_branch: str = "main"
    archived: bool = False
    fork: bool = False
    private: bool = False
    name: str = ""
    owner: Account | None = None


class Head(Remote):
    ref: str = ""
    sha: str = ""
    repo: RepositoryRef | None = None


class PullRequest(Remote):
    number: int
    state: Literal["open", "closed"]
    html_url: str = ""
    title: str = ""
    body: str | None = None
    user: Account | None = None
    merged_at: dt.datetime | None = None
    merged_by: Account | None = None
    merge_commit_sha: str | None = None
    closed_at: dt.datetime | None = None
    head: Head = Head()
    base: Head = Head()
    mergeable: bool | None = None

    @property
    def merged(self) -> bool:
        return self.merged_at is not None


class PullFile(Remote):
    filename: str
    status: str = ""
    patch: str | None = None
    previous_filename: str | None = None


class GitObject(Remote):
    sha: str
    type: str = ""


class Ref(Remote):
    ref: str
    object: GitObject


class Commit(Remote):
    sha: str
    tree: GitObject


class Comparison(Remote):
    merge_base_commit: GitObject


class CommitListed(Remote):
    sha: str
    author: Account | None = None


class TreeEntry(Remote):
    path: str
    mode: str
    type: str
    sha: str
    size: int | None = None


class Tree(Remote):
    sha: str
    tree: list[TreeEntry]
    truncated: bool = False


class Blob(Remote):
    sha: str
    content: str
    encoding: str
    size: int | None = None


class FileContent(Remote):
    type: str
    content: str = ""
    encoding: str = ""
    size: int = 0
    sha: str = ""
    html_url: str = ""

    @property
    def text(self) -> str:
        """The file's text. Above 1 MB GitHub leaves the content out: look at `size` first."""
        return base64.b64decode(self.content).decode(errors="replace")


class Stored(Remote):
    """The answer to a file that was written."""

    content: FileContent


class Permission(Remote):
    permission: str
    role_name: str | None = None


class CheckOutput(Remote):
    title: str | None = None
    summary: str | None = None
    annotations_count: int = 0


class CheckRun(Remote):
    id: int
    status: str
    conclusion: str | None = None
    external_id: str | None = None
    head_sha: str = ""
    html_url: str | None = None
    app: AppRef | None = None
    output: CheckOutput = CheckOutput()


class Installation(Remote):
    id: int
    suspended_at: dt.datetime | None = None


class InstallationToken(Remote):
    token: str
    expires_at: dt.datetime
    permissions: dict[str, str] = Field(default_factory=dict)


class HookDelivery(Remote):
    id: int
    guid: str
    delivered_at: dt.datetime
    redelivery: bool = False
    status_code: int = 0
    event: str = ""
    action: str | None = None
