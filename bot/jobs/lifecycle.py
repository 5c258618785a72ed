"""Beginning, stopping, taking up again: labels, edits and closing of the issue, timers.

Starting costs money, so a job starts only when somebody with triage put the label on (or said `/skill start`), or when
the author is on the repository's `auto_start` list. A stopped job keeps everything and goes on where it was.
"""

from bot.comments import notices, reasons
from bot.comments.notifications import Occasion
from bot.jobs import effects as fx
from bot.jobs import events as ev
from bot.jobs.decision import Facts, Turn
from bot.jobs.job import CANCELLABLE, ENDED, WAITING, Job, JobStatus, Role, job_key
from pipeline.journey import Failure, Journey, retry

_BY_LABEL = "label_removed"
_BY_CLOSING = "issue_closed"
_GONE = "gone"
_FOR_GOOD = frozenset({reasons.issue_deleted(), reasons.issue_transferred()})


def new_job(event: ev.Labelled, facts: Facts) -> Job:
    issue = event.issue
    return Job(
        key=job_key(event.repository.id, issue.number),
        repository=event.repository,
        issue_number=issue.number,
        requester=issue.author.login,
        requester_id=issue.author.id,
        title=issue.title,
        journey=Journey(request=issue.request, options=facts.config.pipeline),
        created_at=facts.now,
        updated_at=facts.now,
    )


def admit(turn: Turn, event: ev.Labelled) -> None:
    """Start a queued job if the one who put the label on may spend money; otherwise wait for one who may."""
    turn.do(fx.React(key="react:issue:eyes", target="issue", target_id=event.issue.number, content="eyes"))
    if turn.facts.role.at_least(Role.TRIAGE) or event.issue.author.login in turn.facts.config.auto_start:
        start(turn, event.actor.login)
    else:
        turn.move(JobStatus.QUEUED)
        turn.say_once("waiting_for_start", notices.waiting_for_start(turn.facts.config.label), why=Occasion.QUESTION)


def start(turn: Turn, by: str) -> None:
    turn.move(JobStatus.RUNNING, started_by=by)


def labelled(turn: Turn, event: ev.Labelled) -> None:
    if turn.job.status is JobStatus.QUEUED or (turn.job.status is JobStatus.EXPIRED and not turn.job.started_by):
        admit(turn, event)
    elif turn.job.status is JobStatus.CANCELLED and turn.job.ended_reason == _BY_LABEL:
        if turn.facts.role.at_least(Role.TRIAGE) or turn.job.started_by:
            take_up(turn, event.actor.login)
        else:
            turn.move(JobStatus.QUEUED, ended_reason="")


def unlabelled(turn: Turn, event: ev.Unlabelled) -> None:
    if turn.job.status in {JobStatus.QUEUED, JobStatus.RUNNING, *WAITING}:
        turn.move(JobStatus.CANCELLED, ended_reason=_BY_LABEL)


def request_edited(turn: Turn, event: ev.RequestEdited) -> None:
    """An edited request counts anew while understanding can still use it; later a person must ask for it."""
    job, request = turn.job, event.issue.request
    if request == job.journey.request or job.status in ENDED:
        return
    early = job.journey.phase == "understanding"
    if job.status is JobStatus.QUEUED or (early and job.status is JobStatus.RUNNING):
        turn.change(title=event.issue.title, journey=job.journey.model_copy(update={"request": request}))
    elif early and job.status in WAITING:
        journey = job.journey.model_copy(
            update={"request": request, "status": "running", "checkpoint": None, "understanding": None}
        )
        turn.move(JobStatus.RUNNING, title=event.issue.title, journey=journey)
    else:
        turn.say_once(f"request_changed:{job.journey.previews_shown}", notices.request_changed(), why=Occasion.REMARK)


def issue_closed(turn: Turn, event: ev.IssueClosed) -> None:
    """While a pull request is open it decides; before that, closing the issue stops the work."""
    if turn.job.status in {JobStatus.QUEUED, JobStatus.RUNNING, *WAITING} and turn.job.pull is None:
        turn.move(JobStatus.CANCELLED, ended_reason=_BY_CLOSING)


def issue_reopened(turn: Turn, event: ev.IssueReopened) -> None:
    if turn.job.status is JobStatus.CANCELLED and turn.job.ended_reason == _BY_CLOSING:
        if turn.job.started_by:
            take_up(turn, event.actor.login)
        else:
            turn.move(JobStatus.QUEUED, ended_reason="")


def issue_gone(turn: Turn, event: ev.IssueGone) -> None:
    """Nothing can be said there any more; where only the issue went, its open pull request can still be told."""
    job = turn.job
    if event.only_the_issue and job.pull is not None and job.status in {JobStatus.IN_REVIEW, JobStatus.RUNNING}:
        turn.say(f"issue_gone:{job.pull.number}", notices.issue_gone(event.reason), job.pull.number)
    gone(turn, event.reason)


def gone(turn: Turn, reason: str) -> None:
    """Nothing can be written any more: the job ends without a word."""
    if turn.job.status in ENDED:
        turn.change(ended_reason=f"{_GONE}: {reason}")
    else:
        turn.move(JobStatus.CANCELLED, ended_reason=f"{_GONE}: {reason}")


def is_gone(job: Job) -> bool:
    return job.ended_reason.startswith(_GONE)


def was_out_of_reach(job: Job) -> bool:
    """Did the work end because nothing could be written for a time? An issue that was deleted or moved stays away."""
    return job.status is JobStatus.CANCELLED and is_gone(job) and _why_gone(job) not in _FOR_GOOD


def why_stopped(job: Job) -> str:
    """Why the work ended without a word where somebody may still speak; "" where it did not."""
    if job.status is JobStatus.CANCELLED and job.ended_reason == _BY_LABEL:
        return reasons.label_removed()
    return _why_gone(job) if was_out_of_reach(job) else ""


def _why_gone(job: Job) -> str:
    return job.ended_reason.removeprefix(f"{_GONE}: ")


def hears_answers(job: Job) -> bool:
    """Does an answer count? A question outlives its expiry, and a time in which nothing could be written."""
    back = was_out_of_reach(job) and job.journey.checkpoint is not None
    return job.status in WAITING or job.status is JobStatus.EXPIRED or back


def timer_due(turn: Turn, event: ev.TimerDue) -> None:
    job, now = turn.job, turn.facts.now
    if event.timer == "look":
        turn.change(look_at=None)
    if job.status not in WAITING and job.status is not JobStatus.QUEUED:
        return
    if event.timer == "expire" and job.expire_at is not None and job.expire_at <= now:
        days = turn.facts.config.expire_after_days
        turn.move(JobStatus.EXPIRED, ended_reason=reasons.nobody_answered())
        turn.say(f"expired:{job.moves}", notices.expired(turn.job, days), why=Occasion.OUTCOME)
    elif event.timer == "remind" and job.remind_at is not None and job.remind_at <= now:
        turn.change(remind_at=None)
        turn.say(f"reminder:{job.moves}", notices.reminder(job), why=Occasion.REMARK)


def cancel(turn: Turn, *, key: str, by: str = "") -> bool:
    """Stop the work, for a person or (without a name) for the operator. False: there is nothing to stop."""
    job = turn.job
    if job.status not in CANCELLABLE:
        return False
    if job.status is JobStatus.IN_REVIEW and job.pull is not None:
        turn.do(fx.Close(key=f"close:{job.pull.number}:{key}", number=job.pull.number, what="pull"))
    turn.move(JobStatus.CANCELLED, ended_reason=reasons.cancelled_by(by))
    turn.say(f"cancelled:{key}", notices.cancelled(by), why=Occasion.REPLY if by else Occasion.OUTCOME)
    return True


def gave_up(turn: Turn) -> None:
    """A fault of ours that kept coming back: stop, say so in one sentence, and keep everything for `/skill retry`."""
    if turn.job.status is JobStatus.RUNNING:
        failure = Failure(code="gave_up", message=reasons.kept_failing(), retryable=True)
        turn.move(JobStatus.FAILED, ended_reason=failure.message)
        turn.say(f"failed:{turn.job.moves}", notices.failed(failure))


def take_up(turn: Turn, by: str) -> None:
    """Go on where the job stopped: the open question, the interrupted phase, or the open pull request."""
    job = turn.job
    journey = retry(job.journey) if job.journey.status in {"failed", "cancelled"} else job.journey
    started_by = job.started_by or by
    common: dict[str, object] = {"journey": journey, "ended_reason": "", "started_by": started_by}
    if journey.status == "pending_user_input":
        turn.move(JobStatus.PENDING_USER_INPUT, **common)
    elif journey.status == "pending_hitl":
        turn.move(JobStatus.PENDING_HITL, **common)
    elif journey.status == "completed" and job.pull is not None and job.status is not JobStatus.FAILED:
        turn.move(JobStatus.IN_REVIEW, **common)
    else:
        turn.move(JobStatus.RUNNING, **common)
