"""When the job row was lost: what GitHub still holds of a request becomes a job again, and people are told.

The issue gives the request, our pull request gives branch and files. What was answered and approved before is not
guessed: a rebuilt job knows only what it can read.
"""

from bot.commands import grammar
from bot.commands.table import Verb
from bot.comments import notices
from bot.comments.notifications import Occasion
from bot.jobs import effects as fx
from bot.jobs import events as ev
from bot.jobs.decision import Decision, Facts, Turn
from bot.jobs.job import Job, JobStatus, Pull, Repository, Role, job_key
from bot.jobs.ports import Remains
from pipeline.journey import Journey
from pipeline.models import SkillDraft

_STATE = "skill:"
_TALK = (ev.Reviewed, ev.LineCommented)


def may_concern_us(event: ev.Event, bot_login: str) -> bool:
    """Is it worth asking GitHub what is left? Only for words to us, and for what happens to a branch named by us."""
    if isinstance(event, ev.Commented):
        return bool(grammar.parse(event.body, bot_login).commands)
    return isinstance(event, (*_TALK, ev.PullMerged, ev.PullClosed))


def rebuild(repository: Repository, remains: Remains, event: ev.Event, facts: Facts) -> Decision:
    """The job as far as it can be rebuilt, told where people talk; no job when nothing shows that there was one."""
    if remains.pull is not None and remains.files:
        turn = Turn(_in_review(repository, remains, remains.pull, remains.files, facts), facts)
        if isinstance(event, _TALK) or (isinstance(event, ev.Commented) and event.on_pull):
            turn.say(f"rebuilt:{remains.pull.number}", notices.rebuilt(), remains.pull.number, why=Occasion.OUTCOME)
        return Decision(turn.job, tuple(turn.effects))
    if not isinstance(event, ev.Commented):
        return Decision(None)
    if any(label.startswith(_STATE) for label in remains.issue.labels):
        turn = Turn(_queued(repository, remains, facts), facts)
        turn.say("lost", notices.lost(), why=Occasion.OUTCOME)
        return Decision(turn.job, tuple(turn.effects))
    if _starts(event, facts):
        job = _queued(repository, remains, facts)
        seen = fx.React(key="react:issue:eyes", target="issue", target_id=job.issue_number, content="eyes")
        return Decision(job, (seen,))
    return Decision(None)


def _starts(event: ev.Commented, facts: Facts) -> bool:
    """`/skill start` by somebody with triage permission begins work on any open issue, labelled or not."""
    commands = grammar.parse(event.body, facts.bot_login).commands
    return facts.role.at_least(Role.TRIAGE) and any(command.verb is Verb.START for command in commands)


def _queued(repository: Repository, remains: Remains, facts: Facts) -> Job:
    journey = Journey(request=remains.issue.request, options=facts.config.pipeline)
    job = _job(repository, remains, journey, JobStatus.CANCELLED, facts)
    turn = Turn(job, facts)
    turn.move(JobStatus.QUEUED)
    return turn.job


def _in_review(repository: Repository, remains: Remains, pull: Pull, files: dict[str, str], facts: Facts) -> Job:
    existing = SkillDraft(name=pull.path.rpartition("/")[2], path=pull.path, files=files)
    journey = Journey(
        request=remains.issue.request,
        options=facts.config.pipeline,
        status="completed",
        in_review=True,
        rebuilt=True,
        existing=existing,
        edited_by_people=sorted(files),
    )
    return _job(repository, remains, journey, JobStatus.IN_REVIEW, facts).with_(
        pull=pull.model_copy(update={"digest": existing.digest, "seen_sha": pull.head_sha})
    )


def _job(repository: Repository, remains: Remains, journey: Journey, status: JobStatus, facts: Facts) -> Job:
    issue = remains.issue
    return Job(
        key=job_key(repository.id, issue.number),
        repository=repository,
        issue_number=issue.number,
        requester=issue.author.login,
        requester_id=issue.author.id,
        title=issue.title,
        status=status,
        journey=journey,
        created_at=facts.now,
        updated_at=facts.now,
    )
