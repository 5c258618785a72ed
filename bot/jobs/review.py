"""The pull request: reviews become refinement commits, merging promotes, closing rejects.

Feedback that comes while a phase is running waits on the job and is taken up when the phase ends: nothing is lost, and
nothing interrupts a commit.
"""

from datetime import timedelta

from bot.commands.permissions import Allowed, check_review
from bot.comments import notices, pull, reasons
from bot.comments.notifications import Occasion
from bot.jobs import effects as fx
from bot.jobs import events as ev
from bot.jobs import lifecycle
from bot.jobs.decision import Turn
from bot.jobs.job import ENDED, RETRYABLE, Actor, Anchor, Job, JobStatus, Role
from bot.jobs.ports import BranchNow
from pipeline.journey import AnswerError, Failure, Journey, going_on_from, regenerate
from pipeline.models import FROM_VALIDATION, Feedback
from pipeline.skills.taxonomy import MARKETPLACE, PLUGIN

MOST_REMARKS = 50
"""What is kept of the words on a rejected pull request."""
MANIFESTS = frozenset(path.rpartition("/")[2] for path in (MARKETPLACE, PLUGIN))
LOOKS = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2))
"""When GitHub is asked again whether the pull request conflicts, each time that it does not know yet."""


def reviewed(turn: Turn, event: ev.Reviewed) -> None:
    """A change request with words is feedback; an approval or a plain remark is for people."""
    said = f"review:{event.review_id}"
    if event.state != "changes_requested" or not event.body.strip() or not _may_refine(turn, event.actor):
        return
    if not turn.is_new(said):
        return
    turn.acted_on(said)
    take_feedback(turn, Feedback(text=event.body, by=event.actor.login, source=said))


def line_commented(turn: Turn, event: ev.LineCommented) -> None:
    if not _may_refine(turn, event.actor) or turn.job.pull is None or event.actor.id != event.author.id:
        return
    prefix = turn.job.pull.path + "/"
    said = f"review_comment:{event.comment_id}"
    if not event.path.startswith(prefix) or not turn.is_new(said):
        return
    turn.acted_on(said)
    if event.line is not None and event.commit_sha and _may_apply(turn, event.body):
        first = min(event.first_line or event.line, event.line)
        path = event.path.removeprefix(prefix)
        here = Anchor(source=said, path=path, first=first, last=event.line, commit=event.commit_sha)
        turn.change(anchors=(*turn.job.anchors, here)[-100:])
    turn.do(
        fx.React(
            key=f"react:review:{event.comment_id}:eyes",
            target="review_comment",
            target_id=event.comment_id,
            content="eyes",
        )
    )
    take_feedback(
        turn,
        Feedback(
            text=event.body,
            by=event.actor.login,
            source=said,
            path=event.path.removeprefix(prefix),
            line=event.line,
        ),
    )


def _may_apply(turn: Turn, words: str) -> bool:
    """Could the person commit a suggestion? Who suggests something exactly wants it done, not suggested back."""
    return turn.facts.role.at_least(Role.WRITE) and "```suggestion" not in words


def _may_refine(turn: Turn, actor: Actor) -> bool:
    """May these words become a commit? The requester, who is heard everywhere else, is told once how they can."""
    facts, job = turn.facts, turn.job
    verdict = check_review(actor=actor, role=facts.role, code_owners=facts.code_owners)
    if (reason := lifecycle.why_stopped(job)) and job.pull is not None and isinstance(verdict, Allowed):
        turn.say_once(f"stopped:{job.moves}", notices.had_stopped(actor.login, reason), job.pull.number)
    if job.status not in {JobStatus.IN_REVIEW, JobStatus.RUNNING}:
        return False
    if not isinstance(verdict, Allowed) and actor.login == job.requester and job.pull is not None:
        text = notices.review_not_heard(actor.login, verdict.reason)
        turn.say_once(f"review_not_heard:{actor.login}", text, job.pull.number)
    return isinstance(verdict, Allowed)


def take_feedback(turn: Turn, feedback: Feedback) -> None:
    """Put a person's words into the next refinement: now, or when the running phase has ended."""
    job = turn.job
    if job.status is JobStatus.RUNNING:
        turn.change(deferred=[*job.deferred, feedback])
        return
    journey = job.journey.model_copy(
        update={
            "pending_feedback": [*job.journey.pending_feedback, feedback],
            "phase": "generation" if job.journey.understanding is not None else "understanding",
            "status": "running",
            "checkpoint": None,
        }
    )
    turn.move(JobStatus.RUNNING, journey=journey)


def build_upon(job: Job, branch: BranchNow) -> Job:
    """The job about to run a phase, going on from what people pushed since; a failed journey when the skill is gone."""
    assert job.pull is not None, "only a published skill has a branch"
    journey = job.journey
    asked = [item for item in journey.pending_feedback if item.source != FROM_VALIDATION]
    unpublished = [*job.unpublished, *(item for item in asked if item not in job.unpublished)]
    if branch.files is None:
        return job.with_(unpublished=unpublished)
    seen = job.pull.model_copy(update={"seen_sha": branch.tip})
    if journey.generation is None and journey.existing is not None and journey.rebuilt:
        existing = journey.existing.model_copy(update={"files": branch.files})
        return job.with_(unpublished=unpublished, pull=seen, journey=journey.model_copy(update={"existing": existing}))
    if journey.generation is None:  # a new draft was asked for: it takes the place of everything
        return job.with_(unpublished=unpublished, pull=seen)
    try:
        journey = going_on_from(journey, branch.files, unpublished)
    except AnswerError as error:
        message = reasons.skill_moved(str(error), job.pull.path)
        failure = Failure(code="skill_moved", message=message, retryable=True)
        journey = journey.model_copy(update={"status": "failed", "failure": failure, "checkpoint": None})
        return job.with_(unpublished=unpublished, journey=journey)
    if journey.generation is not None:
        seen = seen.model_copy(update={"seen_digest": journey.generation.draft.digest})
    return job.with_(unpublished=unpublished, journey=journey, pull=seen)


def overtaken(turn: Turn) -> None:
    """Somebody pushed to the skill while the phase ran: work it out again, on top of what they wrote."""
    journey = turn.job.journey
    update: dict[str, object] = {"phase": "generation", "status": "running", "checkpoint": None}
    if not journey.in_review:
        update |= {"approved_digest": "", "approved_by": ""}
    turn.move(JobStatus.RUNNING, journey=journey.model_copy(update=update))


def merged(turn: Turn, event: ev.PullMerged) -> None:
    job = turn.job
    if job.pull is None or job.pull.number != event.number or job.status is JobStatus.PROMOTED:
        return
    turn.move(JobStatus.PROMOTED, ended_reason="", deferred=[])
    text = (
        notices.merged_elsewhere(job.requester, event.number, event.into)
        if event.into
        else pull.promoted(turn.job, event.merge_sha, turn.facts.web)
    )
    turn.say(f"promoted:{event.merge_sha}", text, why=Occasion.OUTCOME)
    turn.do(fx.Close(key="close:issue", number=job.issue_number, what="issue", reason="completed"))


def closed(turn: Turn, event: ev.PullClosed) -> None:
    job = turn.job
    if job.pull is None or job.pull.number != event.number:
        return
    if job.status in {JobStatus.IN_REVIEW, JobStatus.RUNNING} or job.status is JobStatus.FAILED:
        turn.move(JobStatus.REJECTED, ended_reason=reasons.closed_by(event.actor.login), rejection=event.said)
        text = notices.rejected(event.actor.login, remarks=len(event.said))
        turn.say(f"rejected:{turn.job.moves}", text, why=Occasion.OUTCOME)


def said_after_closing(turn: Turn, event: ev.Commented, text: str) -> None:
    """Why it was closed is often said a moment later."""
    source = f"comment:{event.comment_id}"
    known = {words.source for words in turn.job.rejection}
    if turn.job.status is JobStatus.REJECTED and source not in known and len(known) < MOST_REMARKS:
        words = Feedback(text=text, by=event.actor.login, source=source)
        turn.change(rejection=[*turn.job.rejection, words])


def reopened(turn: Turn, event: ev.PullReopened) -> None:
    """Where it stopped: in review, or in the middle of the refinement that was under way."""
    job = turn.job
    if job.status is not JobStatus.REJECTED or job.pull is None or job.pull.number != event.number:
        return
    if job.journey.status == "running":
        turn.move(JobStatus.RUNNING, ended_reason="")
        return
    turn.move(JobStatus.IN_REVIEW, ended_reason="", deferred=[])
    if event.head_sha not in {job.pull.head_sha, job.pull.seen}:
        turn.do(_check(turn, event.head_sha, key=f"check:{event.head_sha}"))
    for feedback in job.deferred:
        take_feedback(turn, feedback)


def retry(turn: Turn, by: str) -> bool:
    """Take up what stopped, for a person or the operator. False: there is nothing to take up."""
    if turn.job.status not in RETRYABLE:
        return False
    if turn.job.status is JobStatus.REJECTED:
        take_up_again(turn)
    else:
        lifecycle.take_up(turn, by)
    return True


def take_up_again(turn: Turn) -> None:
    """A retry of a rejected job: the last draft is put up as a preview again; approving reopens the road."""
    journey = turn.job.journey.model_copy(
        update={
            "in_review": False,
            "approved_digest": "",
            "approved_by": "",
            "phase": "generation",
            "status": "running",
            "checkpoint": None,
        }
    )
    turn.move(JobStatus.RUNNING, journey=journey, ended_reason="", reopening=True)


def pushed(turn: Turn, event: ev.PullPushed) -> None:
    """Commits that are not ours are checked like ours; the next refinement builds on them."""
    job = turn.job
    if job.pull is None or job.pull.number != event.number or job.status in ENDED:
        return
    if event.head_sha != job.pull.head_sha:
        turn.do(_check(turn, event.head_sha, key=f"check:{event.head_sha}"))
        turn.change(conflict=False)
    if event.conflicts:
        conflicting(turn, event.head_sha)


def may_conflict_now(job: Job, event: ev.Event) -> bool:
    """Has the branch or its base moved, or is it time to ask again?"""
    if job.status is not JobStatus.IN_REVIEW or job.pull is None:
        return False
    match event:
        case ev.BasePushed():
            return event.paths is None or any(_is_in_the_way(path, job.pull.path) for path in event.paths)
        case ev.PullPushed():
            return event.number == job.pull.number and not job.conflict
        case ev.SkillPromoted():
            return not job.conflict
        case ev.TimerDue(timer="look"):
            return True
        case _:
            return False


def _is_in_the_way(path: str, skill: str) -> bool:
    """Does our pull request touch this file, too: one of the skill's, or a list it may stand in?"""
    folder, _, name = path.rpartition("/")
    return (
        path.startswith(f"{skill}/")
        or name in MANIFESTS
        or (name == "README.md" and f"{skill}/".startswith(f"{folder}/" if folder else ""))
    )


def compared(turn: Turn, event: ev.Compared) -> None:
    """GitHub works it out after it was asked: later looks are set by timer, and the last one is reconciliation's."""
    looks = turn.job.looks
    if event.conflicts is None and looks < len(LOOKS):
        turn.change(look_at=turn.facts.now + LOOKS[looks], looks=looks + 1)
        return
    turn.change(look_at=None, looks=0)
    if event.conflicts:
        conflicting(turn, event.head_sha)
    elif event.conflicts is not None:
        turn.change(conflict=False)


def conflicting(turn: Turn, head_sha: str) -> None:
    """Say once for each state of the branch that it cannot be merged, and what resolves it."""
    job = turn.job
    if job.pull is None or job.status is not JobStatus.IN_REVIEW or job.conflict:
        return
    turn.change(conflict=True)
    turn.say(f"conflict:{head_sha}:{turn.facts.event_id}", notices.conflict(), job.pull.number, why=Occasion.QUESTION)


def resolve(turn: Turn, *, by: str, key: str) -> bool:
    """Bring the pull request up to its base, on request. False: there is no conflict that we know of."""
    job = turn.job
    if not job.conflict or job.pull is None or job.status is not JobStatus.IN_REVIEW:
        return False
    pull = job.pull
    turn.do(fx.MergeBase(key=f"merge:{key}", branch=pull.branch, path=pull.path, pull_number=pull.number, by=by))
    return True


def brought_up(turn: Turn, effect: fx.MergeBase, result: fx.EffectResult) -> None:
    """The base is merged; or the skill changed there and is written anew; or people have to merge what they wrote."""
    job = turn.job
    assert job.pull is not None, "only a pull request is brought up to its base"
    if isinstance(result, fx.Published):
        seen = result.head_sha if job.pull.seen == result.parent else job.pull.seen
        moved = job.pull.model_copy(update={"head_sha": result.head_sha, "seen_sha": seen})
        turn.change(pull=moved, conflict=False)
        turn.say(f"up_to_date:{effect.key}", pull.up_to_date(), job.pull.number)
        turn.do(_check(turn, result.head_sha, key=f"check:{result.head_sha}"))
        return
    journey = job.journey
    assert isinstance(result, fx.Refused), "merging is done or refused"
    if result.code == "skill_changed" and journey.existing is not None and not journey.rebuilt:
        anew = regenerate(journey.model_copy(update={"understanding": None}))
        turn.move(JobStatus.RUNNING, journey=anew, onto_base=True)
        turn.say(f"anew:{effect.key}", notices.changed_on_base(), job.pull.number)
        return
    turn.say(f"not_merged:{effect.key}", notices.conflict_by_hand(result.reason), job.pull.number)


def skill_promoted(turn: Turn, event: ev.SkillPromoted) -> None:
    """A skill that this request builds on is there now: said once to those who wait for it."""
    understanding = turn.job.journey.understanding
    if turn.job.status in ENDED or understanding is None:
        return
    if event.name in {missing.name for missing in understanding.dependencies.missing}:
        words = notices.dependency_landed(event.name, event.path, event.pull_number)
        turn.say_once(f"dependency:{event.name}", words, why=Occasion.OUTCOME)


def written_anew(job: Job) -> Journey:
    """The journey for a new draft; with a new plan when a skill that the plan missed has landed since."""
    journey = job.journey
    missed = journey.understanding.dependencies.missing if journey.understanding is not None else []
    if any(f"dependency:{skill.name}" in job.told for skill in missed):
        journey = journey.model_copy(update={"understanding": None})
    return regenerate(journey)


def check_requested(turn: Turn, event: ev.CheckRequested) -> None:
    pull = turn.job.pull
    if pull is None or turn.job.status in ENDED:
        return
    if event.action == "fix":
        if turn.facts.role.at_least(Role.WRITE):
            turn.do(
                fx.Fix(
                    key=f"fix:{event.head_sha}",
                    head_sha=event.head_sha,
                    path=pull.path,
                    pull_number=pull.number,
                    by=event.actor.login,
                )
            )
    else:
        turn.do(_check(turn, event.head_sha, key=f"check:{event.head_sha}:{turn.facts.event_id}"))


def fixed(turn: Turn, head_sha: str) -> None:
    """Our repair is on the branch: it is checked like every commit, and the next refinement goes on from it."""
    turn.do(_check(turn, head_sha, key=f"check:{head_sha}"))


def _check(turn: Turn, head_sha: str, key: str) -> fx.Check:
    assert turn.job.pull is not None
    return fx.Check(key=key, head_sha=head_sha, path=turn.job.pull.path, pull_number=turn.job.pull.number)
