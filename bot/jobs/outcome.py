"""What the pipeline came back with: a checkpoint to put up, a draft to publish, or a failure to explain."""

from bot.comments import notices, preview, pull, questions, report
from bot.comments.notifications import Occasion
from bot.jobs import effects as fx
from bot.jobs import events as ev
from bot.jobs import small_edits
from bot.jobs.decision import Turn
from bot.jobs.job import WAITING, Job, JobStatus, Pull
from bot.jobs.review import LOOKS, overtaken, take_feedback
from pipeline.checkpoints import (
    Checkpoint,
    ClarifyCheckpoint,
    ConfirmCheckpoint,
    PreviewCheckpoint,
    StructureFixCheckpoint,
    ValidateCheckpoint,
)
from pipeline.journey import Journey
from pipeline.models import Change, SkillDraft


def branch_name(job: Job) -> str:
    return f"skill/issue-{job.issue_number}"


def checkpoint_key(job: Job) -> str:
    checkpoint = job.journey.checkpoint
    return f"checkpoint:{job.journey.attempt}:{checkpoint.id}" if checkpoint else ""


def phase_ended(turn: Turn, event: ev.PhaseEnded) -> None:
    job, journey = turn.job, event.journey
    if job.status is not JobStatus.RUNNING:
        return
    replies = small_edits.answers(job, journey) if journey.status == "completed" else None
    if replies is not None:
        _suggest(turn, journey, replies)
        return
    turn.change(journey=journey)
    if journey.status in {"pending_user_input", "pending_hitl"} and journey.checkpoint is not None:
        _put_up(turn, journey.checkpoint)
    elif journey.status == "completed":
        _publish(turn)
    elif journey.status == "failed" and journey.failure is not None:
        turn.move(JobStatus.FAILED, ended_reason=journey.failure.message)
        turn.say(f"failed:{turn.job.moves}", notices.failed(journey.failure), why=Occasion.OUTCOME)


def _suggest(turn: Turn, journey: Journey, replies: list[tuple[int, str]]) -> None:
    """Suggestions in the threads; the draft stays what is on the branch until somebody takes one over."""
    job = turn.job
    assert job.pull is not None, "threads are on a pull request"
    paid = {"usage": journey.usage, "usage_by_module": journey.usage_by_module, "counted_calls": journey.counted_calls}
    kept: dict[str, object] = {"pending_feedback": [], "phase": "validation", "status": "completed", **paid}
    later = {feedback.source for feedback in job.deferred}
    left = tuple(anchor for anchor in job.anchors if anchor.source in later)
    journey = job.journey.model_copy(update=kept)
    turn.move(JobStatus.IN_REVIEW, journey=journey, anchors=left, unpublished=[], deferred=[])
    for comment_id, text in replies:
        turn.do(
            fx.ReplyInThread(
                key=f"suggest:{comment_id}:{turn.job.moves}",
                pull_number=job.pull.number,
                comment_id=comment_id,
                body=text,
            )
        )
    for feedback in job.deferred:
        take_feedback(turn, feedback)


def _put_up(turn: Turn, checkpoint: Checkpoint) -> None:
    job = turn.job
    shown = job.shown_preview
    if isinstance(checkpoint, PreviewCheckpoint):
        if shown:
            turn.do(fx.Amend(key=f"superseded:{shown.key}", said=shown.key, body=preview.superseded(shown.digest[:8])))
        turn.change(shown_preview={"key": f"say:{checkpoint_key(job)}", "digest": checkpoint.digest})
    _ask(turn, checkpoint)
    waiting = {
        "pending_user_input": JobStatus.PENDING_USER_INPUT,
        "pending_hitl": JobStatus.PENDING_HITL,
    }
    turn.move(waiting[job.journey.status])


def unlocked(turn: Turn) -> None:
    """The open question again, in case the lock kept it from being asked: its key makes a second one impossible.

    Everything else that was to be said meanwhile is in the status comment.
    """
    job, checkpoint = turn.job, turn.job.journey.checkpoint
    if job.status in WAITING and checkpoint is not None:
        _ask(turn, checkpoint)


def _ask(turn: Turn, checkpoint: Checkpoint) -> None:
    job = turn.job
    rest = None
    if isinstance(checkpoint, PreviewCheckpoint | ValidateCheckpoint):
        text = checkpoint_rest(job, checkpoint)
        rest = fx.Rest(name=f"{checkpoint.kind}-{checkpoint.digest[:8]}.md", text=text) if text else None
    turn.say(checkpoint_key(job), checkpoint_text(job, checkpoint), why=Occasion.QUESTION, rest=rest)


def checkpoint_rest(job: Job, checkpoint: PreviewCheckpoint | ValidateCheckpoint) -> str:
    """What the checkpoint's comment has to leave out, in full; "" when it leaves out nothing."""
    if isinstance(checkpoint, PreviewCheckpoint):
        return preview.rest(checkpoint, job.requester, job.journey.drafter)
    return report.validate_rest(checkpoint)


def checkpoint_text(job: Job, checkpoint: Checkpoint) -> str:
    match checkpoint:
        case ClarifyCheckpoint():
            return questions.clarify(checkpoint, job.requester)
        case StructureFixCheckpoint():
            return questions.structure_fix(checkpoint, job.requester)
        case ConfirmCheckpoint():
            return questions.confirm(checkpoint, job.requester)
        case PreviewCheckpoint():
            return preview.render(checkpoint, job.requester, job.journey.drafter)
        case ValidateCheckpoint():
            return report.validate_checkpoint(checkpoint, job.requester)


def _publish(turn: Turn) -> None:
    """Law 6: what was approved, and validated, is what is published."""
    job, validation = turn.job, turn.job.journey.validation
    assert validation is not None, "a completed journey has a validated draft"
    draft: SkillDraft = validation.draft
    if not job.journey.in_review and draft.digest != job.journey.approved_digest:
        raise AssertionError(f"{job.key}: the validated draft is not the approved one")
    summary = "; ".join(change.request for change in _changes(job) if change.outcome == "applied")
    report_in_full = pull.rest(job, turn.facts.config)
    rest = fx.Rest(name=f"report-{draft.short_digest}.md", text=report_in_full) if report_in_full else None
    turn.keep(rest)
    turn.do(
        fx.Publish(
            key=f"publish:{draft.digest}:{job.moves}",
            issue_number=job.issue_number,
            branch=branch_name(job),
            draft=draft,
            commit_message=pull.commit_message(job, round_summary=summary, web=turn.facts.web),
            title=pull.title(job),
            body=pull.body(job, turn.facts.config),
            rest=rest,
            known_head=job.pull.seen if job.pull else "",
            reopen=job.reopening,
            onto_base=job.onto_base,
        )
    )


def _changes(job: Job) -> list[Change]:
    return job.journey.generation.changes if job.journey.generation and job.journey.in_review else []


def published(turn: Turn, effect: fx.Publish, result: fx.EffectResult) -> None:
    job = turn.job
    if isinstance(result, fx.Refused) and result.code == "human_edits" and job.pull is not None:
        overtaken(turn)
        return
    if isinstance(result, fx.Refused) and result.code == "merged" and job.pull is not None:
        turn.move(JobStatus.IN_REVIEW)  # the merge is on its way to us, and it is what counts
        return
    if isinstance(result, fx.Refused):
        closed = result.code == "closed_by_person"
        text = notices.closed_by_person() if closed else notices.not_published(result.reason)
        turn.move(JobStatus.FAILED, ended_reason=result.reason)
        turn.say(f"not_published:{effect.key}", text, why=Occasion.OUTCOME)
        return
    assert isinstance(result, fx.Published)
    first = job.pull is None
    refined = job.journey.in_review
    changes = _changes(job)
    turn.move(
        JobStatus.IN_REVIEW,
        pull=Pull(
            number=result.pull_number,
            branch=effect.branch,
            head_sha=result.head_sha,
            path=effect.draft.path,
            digest=effect.draft.digest,
            url=result.url,
        ),
        journey=job.journey.model_copy(update={"in_review": True, "pending_feedback": []}),
        reopening=False,
        onto_base=False,
        conflict=job.conflict and not effect.onto_base,
        look_at=None if first else turn.facts.now + LOOKS[0],
        unpublished=[],
        anchors=(),
    )
    turn.do(
        fx.Check(
            key=f"check:{result.head_sha}",
            head_sha=result.head_sha,
            path=effect.draft.path,
            pull_number=result.pull_number,
        )
    )
    if refined:
        _answer_reviewers(turn, changes, effect.key)
        turn.do(fx.UpdatePull(key=f"body:{effect.key}", number=result.pull_number, body=effect.body, rest=effect.rest))
    elif first or job.reopening:
        turn.say(f"ready:{result.pull_number}:{job.moves}", pull.ready(turn.job), why=Occasion.QUESTION)
    for feedback in job.deferred:
        take_feedback(turn, feedback)
    turn.change(deferred=[])


def _answer_reviewers(turn: Turn, changes: list[Change], key: str) -> None:
    """Say in each thread what was done about it; everything else in one comment on the pull request."""
    assert turn.job.pull is not None
    elsewhere = []
    for position, change in enumerate(changes):
        kind, _, number = change.source.partition(":")
        if kind == "review_comment" and number.isdigit():
            turn.do(
                fx.ReplyInThread(
                    key=f"reply:{change.source}:{position}:{key}",
                    pull_number=turn.job.pull.number,
                    comment_id=int(number),
                    body=pull.thread_reply(change),
                )
            )
        else:
            elsewhere.append(change)
    if elsewhere:
        turn.say(f"refined:{key}", pull.refined(turn.job, elsewhere), turn.job.pull.number)
