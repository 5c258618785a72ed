"""A job: one request's life, keyed by issue. Immutable; `machine.decide` is the only thing that makes new ones."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from pipeline.journey import Journey
from pipeline.models import Feedback, Value


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PENDING_USER_INPUT = "pending_user_input"
    PENDING_HITL = "pending_hitl"
    IN_REVIEW = "in_review"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"


WAITING = frozenset({JobStatus.PENDING_USER_INPUT, JobStatus.PENDING_HITL})
ENDED = frozenset({JobStatus.PROMOTED, JobStatus.REJECTED, JobStatus.CANCELLED, JobStatus.EXPIRED, JobStatus.FAILED})
LIVING = frozenset(JobStatus) - ENDED
OVER = frozenset({JobStatus.PROMOTED, JobStatus.REJECTED, JobStatus.CANCELLED})
"""Ends that somebody wanted; the others wait for an answer or a repair, and what they showed is still looked at."""
RETRYABLE = ENDED - {JobStatus.PROMOTED}
"""What `/skill retry` and the operator's retry take up."""
CANCELLABLE = frozenset(JobStatus) - ENDED | {JobStatus.FAILED, JobStatus.EXPIRED}
"""What `/skill cancel` and the operator's cancel stop."""

_S = JobStatus
TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    # queued: the request is known but nobody allowed to spend money has started it yet
    _S.QUEUED: frozenset({_S.RUNNING, _S.CANCELLED, _S.EXPIRED}),
    _S.RUNNING: frozenset(
        {_S.PENDING_USER_INPUT, _S.PENDING_HITL, _S.IN_REVIEW, _S.CANCELLED, _S.FAILED, _S.PROMOTED, _S.REJECTED}
    ),
    _S.PENDING_USER_INPUT: frozenset({_S.RUNNING, _S.CANCELLED, _S.EXPIRED, _S.FAILED}),
    _S.PENDING_HITL: frozenset({_S.RUNNING, _S.CANCELLED, _S.EXPIRED, _S.FAILED}),
    # in_review: the pull request is open; feedback runs the pipeline again
    _S.IN_REVIEW: frozenset({_S.RUNNING, _S.PROMOTED, _S.REJECTED, _S.CANCELLED, _S.FAILED}),
    _S.PROMOTED: frozenset(),
    # every other end can be taken up again by `/skill retry`, by a late answer or by reopening
    _S.REJECTED: frozenset({_S.RUNNING, _S.IN_REVIEW, _S.PROMOTED}),
    _S.CANCELLED: frozenset({_S.QUEUED, _S.RUNNING, _S.PENDING_USER_INPUT, _S.PENDING_HITL, _S.IN_REVIEW, _S.PROMOTED}),
    _S.EXPIRED: frozenset({_S.QUEUED, _S.RUNNING, _S.CANCELLED, _S.PENDING_USER_INPUT, _S.PENDING_HITL}),
    _S.FAILED: frozenset({_S.RUNNING, _S.CANCELLED, _S.IN_REVIEW, _S.REJECTED, _S.PROMOTED}),
}


class IllegalTransitionError(Exception):
    """A bug of ours: the machine tried a step that is not in `TRANSITIONS`."""


def job_key(repo_id: int, issue_number: int) -> str:
    return f"{repo_id}:{issue_number}"


class Repository(Value):
    """Where a job lives. Names change (rename, transfer); `id` does not."""

    id: int
    owner: str
    name: str
    installation_id: int
    default_branch: str = "main"
    private: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


class Pull(Value):
    """The pull request of a job as last published by us."""

    number: int
    branch: str
    head_sha: str
    path: str
    digest: str = Field(description="digest of the published draft")
    seen_sha: str = Field("", description="commit whose files the draft goes on from; ours, or a person's after it")
    seen_digest: str = Field("", description="digest of the draft as it is at `seen_sha`, when that is a person's")
    url: str = ""

    @property
    def seen(self) -> str:
        return self.seen_sha or self.head_sha


class Anchor(Value):
    """Where a line comment stands: lines of a file of the skill, at one commit of its branch."""

    source: str = Field(description="the comment, as in `Feedback.source`")
    path: str
    first: int
    last: int
    commit: str

    @property
    def lines(self) -> range:
        return range(self.first, self.last + 1)


class ShownPreview(Value):
    """A preview as it was put up: the key of its comment and what it showed."""

    key: str
    digest: str


class Job(Value):
    """Everything the bot knows about one request, stored as one row."""

    key: str
    repository: Repository
    issue_number: int
    requester: str
    requester_id: int = Field(
        0, description="numeric id of the requester's account, which survives a rename; 0: not known"
    )
    title: str = ""
    status: JobStatus = JobStatus.QUEUED
    journey: Journey
    pull: Pull | None = None
    started_by: str = Field("", description="who put the label on or said `/skill start`")

    moves: int = Field(0, description="status changes so far, so that effect keys of repeated states stay unique")
    deferred: list[Feedback] = Field(default_factory=list, description="review feedback that came while working")
    rejection: list[Feedback] = Field(
        default_factory=list, description="what people said on a pull request that was closed without merging"
    )
    unpublished: list[Feedback] = Field(
        default_factory=list, description="what was asked for since the last commit: asked again of changed files"
    )
    anchors: tuple[Anchor, ...] = Field((), description="where the line comments stand that are not answered yet")
    acted_on: tuple[str, ...] = Field(
        (), description="what people said and something was done about, newest last: the same again changes nothing"
    )
    heard: tuple[int, ...] = Field((), description="comments that were used as answers, newest last")
    checkpoint_comment_id: int = Field(
        0, description="remote id of the comment that asks; only later words can answer it"
    )
    shown_preview: ShownPreview | None = Field(None, description="the newest preview on the issue")
    conflict: bool = Field(
        False, description="the pull request cannot be merged into the default branch as that is now"
    )
    look_at: datetime | None = Field(None, description="when to ask GitHub again whether the pull request conflicts")
    looks: int = Field(0, description="how often that was asked in vain")
    keeps_rest: bool = Field(False, description="something found no room and stands on a branch of its own")
    onto_base: bool = Field(False, description="the next publication merges the default branch as well")
    reopening: bool = Field(False, description="the next publication may take up a pull request somebody had closed")
    told: frozenset[str] = Field(frozenset(), description="one-time sentences already said, e.g. `denied:LOGIN`")
    bot_events: tuple[datetime, ...] = Field((), description="when other bots did something lately")
    deaf_to_bots_until: datetime | None = Field(None, description="bots are not listened to: they were in a loop")
    waiting_since: datetime | None = None
    remind_at: datetime | None = None
    expire_at: datetime | None = None
    ended_reason: str = ""
    created_at: datetime
    updated_at: datetime

    def moved(self, status: JobStatus, **changes: object) -> "Job":
        """This job in another status. Raises IllegalTransitionError when the table does not allow the step."""
        if status is not self.status and status not in TRANSITIONS[self.status]:
            raise IllegalTransitionError(f"{self.key}: {self.status} -> {status}")
        return self.with_(status=status, moves=self.moves + (status is not self.status), **changes)

    def with_(self, **changes: object) -> "Job":
        """This job with some fields replaced (validated)."""
        return Job.model_validate({**dict(self), **changes})


class Actor(Value):
    """Who did something on GitHub: the event's sender, never the author of a quoted text."""

    login: str
    id: int
    type: Literal["User", "Bot", "Organization", "Mannequin"] = "User"


class Role(StrEnum):
    """Permission of a person on the repository, weakest first."""

    NONE = "none"
    READ = "read"
    TRIAGE = "triage"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"

    def at_least(self, other: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


def skill_path(job: Job) -> str:
    """Where the job's skill is or will be, as far as it is known; "" before there is a plan."""
    if job.pull is not None:
        return job.pull.path
    journey = job.journey
    if journey.generation is not None:
        return journey.generation.draft.path
    return journey.understanding.plan.taxonomy_path if journey.understanding is not None else ""
