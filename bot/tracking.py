"""Tells a tracker how jobs go, from the outside: a listener around the jobs table and one around the live events.

A job that was saved is what happened; what a person said is the difference to the job before. A crash between saving
and telling loses one note, never a job.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from bot.drafting import Listener
from bot.jobs.job import ENDED, Job, JobStatus
from bot.jobs.ports import JobStore, Loaded
from bot.settings import PREFIX, Settings, SettingsError
from bot.store.jobs import JobRow
from pipeline.checkpoints import EventType, WorkflowEvent
from pipeline.models import FROM_VALIDATION, Feedback
from pipeline.tracking.mlflow import TrackingUnavailable, mlflow_tracker
from pipeline.tracking.port import FeedbackKind, HumanFeedback, Outcome, Progressed, Subject, Took, Tracker
from pipeline.tracking.traces import Traces

CLOSE_SECONDS = 5.0
_LONGEST_REJECTION = 20_000
_ENDINGS: dict[JobStatus, FeedbackKind] = {
    JobStatus.PROMOTED: "merge",
    JobStatus.REJECTED: "reject",
    JobStatus.CANCELLED: "cancel",
}


class Jobs(JobStore, Protocol):
    async def find(self, key: str) -> JobRow | None: ...


def build_tracker(settings: Settings) -> Tracker | None:
    """The configured tracker; None when tracking is off. Raises SettingsError when MLflow is not installed."""
    if not settings.mlflow_tracking_uri:
        return None
    try:
        return mlflow_tracker(settings.mlflow_tracking_uri)
    except TrackingUnavailable as error:
        raise SettingsError(f"{PREFIX}MLFLOW_TRACKING_URI: {error}") from None


def build_traces(settings: Settings) -> Traces | None:
    """DSPy's traces, when they are asked for. Raises SettingsError."""
    if not settings.mlflow_traces:
        return None
    if not settings.mlflow_tracking_uri:
        raise SettingsError(f"{PREFIX}MLFLOW_TRACES needs {PREFIX}MLFLOW_TRACKING_URI: where to record the traces")
    try:
        return Traces(settings.mlflow_tracking_uri)
    except TrackingUnavailable as error:
        raise SettingsError(f"{PREFIX}MLFLOW_TRACES: {error}") from None


def watched(jobs: Jobs, listener: Listener, tracker: Tracker | None, api_url: str) -> tuple[JobStore, Listener]:
    """Both as they are when nothing is tracked."""
    if tracker is None:
        return jobs, listener
    return TrackedJobs(jobs, tracker, api_url), TrackedEvents(listener, tracker, api_url)


class TrackedJobs:
    """The jobs table as `ports.JobStore`; each save is noted."""

    def __init__(self, jobs: Jobs, tracker: Tracker, api_url: str) -> None:
        self._jobs, self._tracker, self._api_url = jobs, tracker, api_url

    async def load(self, key: str) -> Loaded:
        return await self._jobs.load(key)

    async def save(self, job: Job, *, rev: int, done: Sequence[int], task: str) -> int:
        row = await self._jobs.find(job.key)
        revision = await self._jobs.save(job, rev=rev, done=done, task=task)
        subject = subject_of(job, self._api_url)
        for said in heard(row.job if row is not None else None, job):
            self._tracker.note(subject, said)
        self._tracker.note(subject, progressed(job))
        return revision

    async def discard(self, key: str, *, done: Sequence[int], task: str) -> None:
        await self._jobs.discard(key, done=done, task=task)

    async def interrupted(self, key: str, after: int) -> bool:
        return await self._jobs.interrupted(key, after)


class TrackedEvents:
    """A listener that also notes how long phases and modules took."""

    def __init__(self, listener: Listener, tracker: Tracker, api_url: str) -> None:
        self._listener, self._tracker, self._api_url = listener, tracker, api_url

    def emit(self, job: Job, event: WorkflowEvent) -> None:
        self._listener.emit(job, event)
        if event.seconds is not None and event.type in {EventType.PHASE_END, EventType.MODULE_END}:
            took = Took(
                phase=event.phase, module=event.module, seconds=max(0.0, event.seconds), step=job.moves, at=event.at
            )
            self._tracker.note(subject_of(job, self._api_url), took)

    async def quiet(self, job_key: str) -> None:
        await self._listener.quiet(job_key)


def subject_of(job: Job, api_url: str) -> Subject:
    """The record of this job. Several services may write to one server, so the GitHub belongs to the key."""
    host = urlsplit(api_url).netloc.rpartition("@")[2]
    return Subject(
        key=f"{host}/{job.key}/{int(job.created_at.timestamp())}",
        name=f"{job.repository.full_name}#{job.issue_number} {job.title}".strip(),
        params={
            "github": host,
            "repository": job.repository.full_name,
            "issue": str(job.issue_number),
            "requester": job.requester,
        },
    )


def progressed(job: Job) -> Progressed:
    return Progressed(
        journey=job.journey, status=job.status.value, outcome=_outcome(job), step=job.moves, at=job.updated_at
    )


def heard(before: Job | None, after: Job) -> list[HumanFeedback]:
    """What people decided or said between two saves, in the order in which it takes effect."""
    step, at = after.moves, after.updated_at
    old, new = (before.journey if before else None), after.journey
    answered = len([done for done in old.clarifications if done.answer is not None]) if old else 0
    found = [
        HumanFeedback(kind="answer", by=done.by, text=done.answer, step=step, at=at)
        for done in [done for done in new.clarifications if done.answer is not None][answered:]
        if done.answer is not None
    ]
    revisions = new.plan_feedback[len(old.plan_feedback) if old else 0 :]
    found += [HumanFeedback(kind="revise", text=text, step=step, at=at) for text in revisions]
    known = _words(before) if before else []
    found += [
        HumanFeedback(kind="refine", by=words.by, text=words.text, step=step, at=at)
        for words in _words(after)
        if words not in known
    ]
    if new.approved_digest and (old is None or old.approved_digest != new.approved_digest):
        found.append(HumanFeedback(kind="approve", by=new.approved_by, step=step, at=at))
    if after.status in _ENDINGS and (before is None or before.status is not after.status):
        found.append(_ending(_ENDINGS[after.status], after, step, at))
    return found


def _ending(kind: FeedbackKind, job: Job, step: int, at: datetime) -> HumanFeedback:
    remarks = job.rejection if kind == "reject" else []
    text = "\n\n".join([job.ended_reason, *(f"{said.by}: {said.text}" for said in remarks)])
    return HumanFeedback(kind=kind, text=text[:_LONGEST_REJECTION], step=step, at=at)


def _words(job: Job) -> list[Feedback]:
    return [words for words in (*job.journey.pending_feedback, *job.deferred) if words.by != FROM_VALIDATION]


def _outcome(job: Job) -> Outcome:
    if job.status is JobStatus.PROMOTED:
        return "finished"
    if job.status is JobStatus.FAILED:
        return "failed"
    return "stopped" if job.status in ENDED else "open"
