"""What happened, as values the state machine understands. `intake.interpret` makes them from inbox rows."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from bot.jobs.job import Actor, Repository
from pipeline.journey import Journey
from pipeline.models import Feedback, SkillRequest, Value


class IssueSnapshot(Value):
    """The issue as the event carried it."""

    number: int
    title: str
    author: Actor
    labels: frozenset[str]
    open: bool
    request: SkillRequest


class Labelled(Value):
    """The request label is on the issue (added, or there at opening): 'ensure a job', never 'start another'."""

    kind: Literal["labelled"] = "labelled"
    repository: Repository
    issue: IssueSnapshot
    actor: Actor


class Unlabelled(Value):
    kind: Literal["unlabelled"] = "unlabelled"
    actor: Actor


class RequestEdited(Value):
    kind: Literal["request_edited"] = "request_edited"
    issue: IssueSnapshot
    actor: Actor


class IssueClosed(Value):
    """Closed by somebody. `completed` closings by a merge arrive as PullMerged as well, in either order."""

    kind: Literal["issue_closed"] = "issue_closed"
    actor: Actor


class IssueReopened(Value):
    kind: Literal["issue_reopened"] = "issue_reopened"
    actor: Actor


class IssueGone(Value):
    """Transferred or deleted, or the App was removed: nothing can be written any more."""

    kind: Literal["issue_gone"] = "issue_gone"
    reason: str
    only_the_issue: bool = Field(False, description="the repository and our access to it are still there")


class Unlocked(Value):
    """The conversation is open again: what could not be said can be said now."""

    kind: Literal["unlocked"] = "unlocked"
    actor: Actor


class Commented(Value):
    """A new comment on the issue or on its pull request."""

    kind: Literal["commented"] = "commented"
    actor: Actor
    author: Actor
    comment_id: int
    body: str
    pull_number: int | None = Field(None, description="set when it was written on the pull request")

    @property
    def on_pull(self) -> bool:
        return self.pull_number is not None


class CommentEdited(Value):
    kind: Literal["comment_edited"] = "comment_edited"
    actor: Actor
    author: Actor
    comment_id: int
    body: str
    before: str
    pull_number: int | None = None


class CommentDeleted(Value):
    kind: Literal["comment_deleted"] = "comment_deleted"
    actor: Actor
    author: Actor
    comment_id: int


class Reviewed(Value):
    """A submitted review with a body, or one that asks for changes."""

    kind: Literal["reviewed"] = "reviewed"
    actor: Actor
    review_id: int
    state: Literal["approved", "changes_requested", "commented", "dismissed"]
    body: str


class LineCommented(Value):
    """A review comment on a line of a file of the pull request."""

    kind: Literal["line_commented"] = "line_commented"
    actor: Actor
    author: Actor
    comment_id: int
    path: str
    line: int | None
    body: str
    first_line: int | None = Field(None, description="set when the comment is about several lines")
    commit_sha: str = Field("", description="the commit whose lines these are; empty for lines that were taken away")


SPOKEN = (Commented, CommentEdited, Reviewed, LineCommented)
"""Events in which a person says something that may need permission."""


class PullMerged(Value):
    kind: Literal["pull_merged"] = "pull_merged"
    actor: Actor
    number: int
    merge_sha: str
    into: str = Field("", description="the branch, where it is not the default one")


class PullClosed(Value):
    kind: Literal["pull_closed"] = "pull_closed"
    actor: Actor
    number: int
    said: list[Feedback] = Field(default_factory=list, description="what people said there, read from GitHub")


class PullReopened(Value):
    kind: Literal["pull_reopened"] = "pull_reopened"
    actor: Actor
    number: int
    head_sha: str


class PullPushed(Value):
    """New commits on the branch of the pull request (ours or a person's)."""

    kind: Literal["pull_pushed"] = "pull_pushed"
    actor: Actor
    number: int
    head_sha: str
    conflicts: bool = Field(False, description="with the branch it is to be merged into, as far as GitHub knows")


class Compared(Value):
    """Our pull request beside the branch it is to be merged into, as both are now. Not stored in the inbox."""

    kind: Literal["compared"] = "compared"
    head_sha: str
    conflicts: bool | None = Field(description="None: GitHub has not worked it out yet")


class BasePushed(Value):
    """Somebody pushed to the default branch."""

    kind: Literal["base_pushed"] = "base_pushed"
    paths: tuple[str, ...] | None = Field(description="what it changed; None: too much to tell")


class SkillPromoted(Value):
    """Another request of this repository was merged: its skill is there now, and the default branch has moved."""

    kind: Literal["skill_promoted"] = "skill_promoted"
    name: str
    path: str
    pull_number: int


class CheckRequested(Value):
    """Someone pressed *Re-run* or one of the check run's own buttons."""

    kind: Literal["check_requested"] = "check_requested"
    actor: Actor
    head_sha: str
    action: Literal["rerun", "fix"] = "rerun"


class TimerDue(Value):
    """A reminder, an expiry or another look at the pull request, stored on the job row, has come."""

    kind: Literal["timer_due"] = "timer_due"
    timer: Literal["remind", "expire", "look"]


class RunAgain(Value):
    """The operator asked for a retry (`skill-fleet jobs retry`)."""

    kind: Literal["run_again"] = "run_again"


class CancelAsked(Value):
    """The operator stops the request (`skill-fleet jobs cancel`, the jobs pages)."""

    kind: Literal["cancel_asked"] = "cancel_asked"


class GaveUp(Value):
    """Advancing the job failed again and again for a reason of ours; `reason` is for the operator, not for people."""

    kind: Literal["gave_up"] = "gave_up"
    reason: str


class PhaseEnded(Value):
    """The pipeline came back: a checkpoint, the end, or a failure. Not stored in the inbox."""

    kind: Literal["phase_ended"] = "phase_ended"
    journey: Journey


Event = Annotated[
    Labelled
    | Unlabelled
    | RequestEdited
    | IssueClosed
    | IssueReopened
    | IssueGone
    | Unlocked
    | Commented
    | CommentEdited
    | CommentDeleted
    | Reviewed
    | LineCommented
    | PullMerged
    | PullClosed
    | PullReopened
    | PullPushed
    | Compared
    | BasePushed
    | SkillPromoted
    | CheckRequested
    | TimerDue
    | RunAgain
    | CancelAsked
    | GaveUp
    | PhaseEnded,
    Field(discriminator="kind"),
]


def actor_of(event: Event) -> Actor | None:
    """Who did it; None for what nobody did on GitHub (timers, the operator, the pipeline)."""
    found = getattr(event, "actor", None)
    return found if isinstance(found, Actor) else None


OWN_EVENT = "skill_fleet"
"""Event name of what we tell ourselves: work, timers, reconciliation, the operator. Never accepted from outside."""

RUN_AGAIN = "run_again"
CANCEL = "cancel"
"""Actions of what an operator asks for: see `bot.operate.orders`."""

PROMOTED = "promoted"
"""Action of the row that tells a repository's open jobs that a skill was merged."""

WORK = "work"
"""Action of the row that stays open while a job is running, so that a lost task is found like any lost event."""


class InboxRow(Value):
    """One stored event, oldest first within a job."""

    # Whatever the bytes are, the row passes through the engine's JSON; what they mean is judged when they are read.
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    id: int
    key: str
    event: str = Field(description="GitHub event name, or `skill_fleet` for our own (timer, reconciliation, operator)")
    action: str
    delivery: str
    received_at: datetime
    body: bytes

    @property
    def is_work(self) -> bool:
        return self.event == OWN_EVENT and self.action == WORK
