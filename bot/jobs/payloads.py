"""The parts of GitHub's webhook payloads that we read. Everything else is ignored, so that payloads may grow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.jobs.job import Actor


class Part(BaseModel):
    """A piece of a payload."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class User(Part):
    login: str
    id: int = 0
    type: str = "User"

    @property
    def actor(self) -> Actor:
        known = self.type if self.type in {"User", "Bot", "Organization", "Mannequin"} else "User"
        return Actor.model_validate({"login": self.login, "id": self.id, "type": known})


NOBODY = User(login="ghost", id=10137)
"""What GitHub shows for a deleted account."""


class Label(Part):
    name: str


class Issue(Part):
    number: int
    title: str = ""
    body: str | None = None
    state: str = "open"
    user: User | None = None
    labels: list[Label] = Field(default_factory=list)
    pull_request: dict[str, object] | None = None

    @property
    def author(self) -> User:
        return self.user or NOBODY

    @property
    def label_names(self) -> frozenset[str]:
        return frozenset(label.name for label in self.labels)


class Owner(Part):
    login: str


class Repository(Part):
    id: int
    name: str
    owner: Owner
    default_branch: str = "main"
    private: bool = False


class Installation(Part):
    id: int


class AppRef(Part):
    id: int | None = None


class Comment(Part):
    id: int
    body: str | None = None
    user: User | None = None
    path: str = ""
    line: int | None = None
    original_line: int | None = None
    start_line: int | None = None
    side: str = ""
    commit_id: str = ""
    performed_via_github_app: AppRef | None = None

    @property
    def author(self) -> User:
        return self.user or NOBODY


class Head(Part):
    sha: str = ""
    ref: str = ""


class PullRequest(Part):
    number: int
    merged: bool | None = None
    merge_commit_sha: str | None = None
    head: Head = Head()
    base: Head = Head()
    mergeable: bool | None = None


class Review(Part):
    id: int
    state: str
    body: str | None = None
    user: User | None = None


class RequestedAction(Part):
    identifier: str = ""


class CheckRun(Part):
    name: str = ""
    head_sha: str
    app: AppRef | None = None


class CheckSuite(Part):
    head_sha: str
    app: AppRef | None = None


class Before(Part):
    from_: str = Field("", alias="from")


class Changes(Part):
    body: Before | None = None
    title: Before | None = None


class Promoted(Part):
    """A skill that was merged, in an event of our own."""

    name: str
    path: str
    pull_number: int


class Pushed(Part):
    """A push to the default branch, as `bot.pushes` keeps it."""

    paths: tuple[str, ...] | None = None


class Payload(Part):
    """Any payload; which parts are there depends on the event."""

    action: str = ""
    sender: User | None = None
    repository: Repository | None = None
    installation: Installation | None = None
    issue: Issue | None = None
    label: Label | None = None
    comment: Comment | None = None
    changes: Changes | None = None
    pull_request: PullRequest | None = None
    review: Review | None = None
    check_run: CheckRun | None = None
    check_suite: CheckSuite | None = None
    requested_action: RequestedAction | None = None
    timer: Literal["remind", "expire", "look"] | None = None
    reason: str = ""
    promoted: Promoted | None = None
    pushed: Pushed | None = None
