"""The state machine: `decide(job, event, facts)` and `settle(job, effect, result, facts)`, both pure.

Every change of status goes through `Job.moved`, so nothing can leave the transition table. After each decision the
status comment and the state label follow the job. An ended job reacts only to what may take it up again.
"""

from bot.comments import notices
from bot.comments import status as status_comment
from bot.jobs import conversation, lifecycle, outcome, review
from bot.jobs import effects as fx
from bot.jobs import events as ev
from bot.jobs.decision import Decision, Facts, Turn
from bot.jobs.job import OVER, Job
from bot.jobs.loops import is_loop


def decide(job: Job | None, event: ev.Event, facts: Facts) -> Decision:
    """What this event makes of the job, and what is to be written to GitHub.

    Raises nothing for events of people: what does not fit is answered. IllegalTransitionError would be a bug of ours.
    """
    if job is None:
        if not isinstance(event, ev.Labelled) or not event.issue.open:
            return Decision(None)
        turn = Turn(lifecycle.new_job(event, facts), facts)
        lifecycle.admit(turn, event)
        return _finish(turn, before=None)
    turn = Turn(job, facts)
    if is_loop(turn, event):
        return _finish(turn, before=job)
    match event:
        case ev.Labelled():
            lifecycle.labelled(turn, event)
        case ev.Unlabelled():
            lifecycle.unlabelled(turn, event)
        case ev.RequestEdited():
            lifecycle.request_edited(turn, event)
        case ev.IssueClosed():
            lifecycle.issue_closed(turn, event)
        case ev.IssueReopened():
            lifecycle.issue_reopened(turn, event)
        case ev.IssueGone():
            lifecycle.issue_gone(turn, event)
        case ev.Unlocked():
            outcome.unlocked(turn)
        case ev.TimerDue():
            lifecycle.timer_due(turn, event)
        case ev.RunAgain():
            review.retry(turn, turn.job.started_by)
        case ev.CancelAsked():
            lifecycle.cancel(turn, key=f"operator:{facts.event_id}")
        case ev.GaveUp():
            lifecycle.gave_up(turn)
        case ev.Commented():
            conversation.commented(turn, event)
        case ev.CommentEdited():
            conversation.comment_edited(turn, event)
        case ev.CommentDeleted():
            conversation.comment_deleted(turn, event)
        case ev.Reviewed():
            review.reviewed(turn, event)
        case ev.LineCommented():
            review.line_commented(turn, event)
        case ev.PullMerged():
            review.merged(turn, event)
        case ev.PullClosed():
            review.closed(turn, event)
        case ev.PullReopened():
            review.reopened(turn, event)
        case ev.PullPushed():
            review.pushed(turn, event)
        case ev.Compared():
            review.compared(turn, event)
        case ev.SkillPromoted():
            review.skill_promoted(turn, event)
        case ev.CheckRequested():
            review.check_requested(turn, event)
        case ev.PhaseEnded():
            outcome.phase_ended(turn, event)
    return _finish(turn, before=job, again=isinstance(event, ev.Unlocked))


def settle(job: Job, effect: fx.Effect, result: fx.EffectResult, facts: Facts) -> Decision:
    """What the outcome of a write makes of the job: only some writes matter to it."""
    turn = Turn(job, facts)
    match effect, result:
        case fx.Say(), fx.Done() if effect.key == f"say:{outcome.checkpoint_key(job)}":
            turn.change(checkpoint_comment_id=result.remote_id)
            return Decision(turn.job)
        case fx.Fix(), fx.Published():
            review.fixed(turn, result.head_sha)
        case fx.Publish(), _:
            outcome.published(turn, effect, result)
        case _, fx.Refused(code="gone"):
            lifecycle.gone(turn, result.reason)
            return Decision(turn.job)
        case fx.MergeBase(), _:
            review.brought_up(turn, effect, result)
        case _:
            return Decision(job)
    return _finish(turn, before=job)


def queue_after(follow_up: tuple[fx.Effect, ...], waiting: list[fx.Effect]) -> list[fx.Effect]:
    """What to write next: what follows from the last write first, without views of the job that it made outdated."""
    views = {effect.kind for effect in follow_up} & {"show_status", "set_state"}
    return [*follow_up, *(effect for effect in waiting if effect.kind not in views)]


def status_body(job: Job, facts: Facts, activity: str = "") -> str:
    """The status comment for a job as it is now."""
    return status_comment.render(job, activity=activity, config=facts.config, now=facts.now)


def _finish(turn: Turn, before: Job | None, *, again: bool = False) -> Decision:
    """Let the status comment and the state label follow the job. `again`: the last status may not have been taken."""
    job = turn.job
    if lifecycle.is_gone(job):
        return Decision(job, tuple(turn.effects))
    if job.keeps_rest and job.status in OVER:
        turn.do(fx.DropRest(key=f"drop_rest:{job.moves}"))
        turn.change(keeps_rest=False)
        job = turn.job
    status = fx.ShowStatus(number=job.issue_number, body=status_body(job, turn.facts))
    if before is None:  # the first thing people read below the request
        turn.effects.insert(1, status)
    elif job != before or again:
        turn.do(status)
    if before is None or job.status is not before.status:
        turn.do(fx.SetState(key=f"state:{job.moves}", number=job.issue_number, label=f"skill:{_label(job)}"))
    return Decision(job, tuple(turn.effects))


def _label(job: Job) -> str:
    return notices.STATE_LABELS[job.status]
