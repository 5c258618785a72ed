"""The one status comment of a request, edited in place: where it stands, what happened, what is needed now.

Editing notifies nobody, so nobody is mentioned here. The text depends on the job alone (not on the clock), so an
unchanged job gives an unchanged comment and no write.
"""

from datetime import datetime

from bot.commands.table import Verb
from bot.comments import reasons
from bot.comments.markdown import inline_code, safe_inline
from bot.comments.spending import spending
from bot.comments.words import OUTLINE, command, counted, day, listed, person, spent, usage_of, written_by
from bot.jobs.job import ENDED, Job, JobStatus
from bot.repo_config import RepoConfig
from pipeline.checkpoints import EventType, WorkflowEvent
from pipeline.journey import Journey
from pipeline.models import Phase

PHASES: tuple[Phase, ...] = ("understanding", "generation", "validation")
MODULES: dict[Phase, dict[str, str]] = {
    "understanding": {
        "GatherRequirements": "reading the request",
        "ValidateStructure": "checking name and description",
        "AnalyzeIntent": "working out what it is for",
        "FindTaxonomyPath": "finding its place among the skills",
        "AnalyzeDependencies": "looking for skills it builds on",
        "SynthesizePlan": "making the plan",
    },
    "generation": {
        "GenerateSkillContent": "writing the draft",
        "RefinedContent": "improving the draft",
        "IncorporateFeedback": "working in your feedback",
    },
    "validation": {
        "ValidateStructure": "applying the rules",
        "GenerateTestCases": "writing trigger tests",
        "ValidateSkill": "asking the model for advice",
        "AssessQuality": "judging against the success criteria",
    },
}
_WAYS_IT_ENDED = {
    "label_removed": reasons.label_removed(),
    "issue_closed": "the issue was closed",
}


def render(job: Job, *, activity: str = "", config: RepoConfig, now: datetime) -> str:
    """The status comment. `activity` is what is going on right now (see `describe`); `now` dates a passed expiry."""
    parts = [
        f"### Skill request · {HEADLINES[job.status]}",
        "\n".join(_phase_line(job, phase, activity) for phase in PHASES),
        "\n".join(["**So far**", "", *(f"- {line}" for line in happened)]) if (happened := _happened(job)) else "",
        f"**What is needed now:** {needed(job, config, now)}",
        spending(job.journey.usage_by_module, MODULES) if job.journey.drafter != OUTLINE else "",
        " · ".join(_footer(job)),
    ]
    return "\n\n".join(part for part in parts if part)


def describe(event: WorkflowEvent) -> str:
    """What a workflow event means to people watching, as one plain sentence part; "" when it means nothing to them."""
    steps = MODULES[event.phase]
    if event.type is EventType.MODULE_START:
        words = steps.get(event.module, event.module)
        # The other phases take their steps as often as needed, or leave some out: there is nothing to count.
        counts = event.module in steps and event.phase == "understanding"
        return f"{words} (step {list(steps).index(event.module) + 1} of {len(steps)})" if counts else words
    return event.message if event.type in (EventType.PROGRESS, EventType.PHASE_START) else ""


def needed(job: Job, config: RepoConfig, now: datetime) -> str:
    """What is needed and from whom: one line, for the status comment and for `/skill status`."""
    match job.status:
        case JobStatus.QUEUED:
            return f"somebody with triage permission says {command(Verb.START)}."
        case JobStatus.RUNNING:
            return "nothing. I will comment when I need something."
        case JobStatus.PENDING_USER_INPUT | JobStatus.PENDING_HITL:
            return f"{_asked(job)}{_until(job, config, now)}"
        case JobStatus.IN_REVIEW if job.conflict:
            return (
                f"{_pull(job)} conflicts with the default branch: somebody with write permission says "
                f"{command(Verb.REGENERATE)} there, or merges by hand."
            )
        case JobStatus.IN_REVIEW:
            return f"a review of {_pull(job)} by somebody with write permission. Merging it finishes the request."
        case JobStatus.PROMOTED:
            return "nothing. The skill is in the repository."
        case JobStatus.REJECTED:
            return f"nothing, unless the request should go on: {command(Verb.RETRY)}."
        case JobStatus.CANCELLED:
            return f"nothing, unless the request should go on: {command(Verb.RETRY)}."
        case JobStatus.EXPIRED if not job.started_by:
            return f"somebody with triage permission says {command(Verb.START)}, whenever it suits."
        case JobStatus.EXPIRED:
            return "an answer to my last question, whenever it suits. It takes the request up where it stopped."
        case JobStatus.FAILED:
            return f"somebody with write permission says {command(Verb.RETRY)}. Nothing that was done is lost."


HEADLINES = {
    JobStatus.QUEUED: "waiting for a maintainer",
    JobStatus.RUNNING: "in progress",
    JobStatus.PENDING_USER_INPUT: "waiting for an answer",
    JobStatus.PENDING_HITL: "waiting for a decision",
    JobStatus.IN_REVIEW: "in review",
    JobStatus.PROMOTED: "promoted",
    JobStatus.REJECTED: "not merged",
    JobStatus.CANCELLED: "cancelled",
    JobStatus.EXPIRED: "asleep, nobody answered",
    JobStatus.FAILED: "stopped by a problem",
}


def _asked(job: Job) -> str:
    requester, checkpoint = person(job.requester), job.journey.checkpoint
    match checkpoint.kind if checkpoint else "":
        case "clarify":
            return (
                f"{requester} or a maintainer answers the questions below by a plain reply, "
                f"or says {command(Verb.SKIP)}."
            )
        case "structure_fix":
            return (
                f"{requester} or a maintainer says {command(Verb.ACCEPT)} or {usage_of(Verb.RENAME)}, "
                "or replies with a better description."
            )
        case "confirm":
            return (
                f"somebody with write permission says {command(Verb.APPROVE)}; "
                f"{requester} or a maintainer may reply with changes to the plan."
            )
        case "preview":
            return (
                f"somebody with write permission says {command(Verb.APPROVE)}; "
                f"{requester} or a maintainer may reply with changes to the draft."
            )
        case "validate":
            return (
                f"{requester} or a maintainer replies with how to fix the findings; "
                f"somebody with write permission may say {command(Verb.APPROVE)} when no error is left."
            )
        case _:
            return f"an answer from {requester} or a maintainer."


def _until(job: Job, config: RepoConfig, now: datetime) -> str:
    if job.expire_at is None:
        return ""
    if job.expire_at <= now:
        return " The time for it has passed, but an answer still counts."
    return (
        f" I wait until {day(job.expire_at)} ({counted(config.expire_after_days, 'day')}); a later answer still counts."
    )


def _phase_line(job: Job, phase: Phase, activity: str) -> str:
    current = PHASES.index(job.journey.phase)
    place = PHASES.index(phase)
    done = (
        place < current or job.status in (JobStatus.IN_REVIEW, JobStatus.PROMOTED) or job.journey.status == "completed"
    )
    if done:
        return f"- ✅ **{phase.capitalize()}**{_result(job, phase)}"
    if place > current:
        return f"- ⬜ **{phase.capitalize()}**"
    match job.status:
        case JobStatus.RUNNING:
            doing = safe_inline(activity, 200)
            return f"- 🔄 **{phase.capitalize()}**" + (f": {doing}" if doing else "")
        case JobStatus.PENDING_USER_INPUT | JobStatus.PENDING_HITL:
            return f"- ⏸️ **{phase.capitalize()}**: waiting for you"
        case JobStatus.FAILED:
            return f"- ❌ **{phase.capitalize()}**"
        case JobStatus.EXPIRED:
            return f"- 💤 **{phase.capitalize()}**"
        case JobStatus.CANCELLED | JobStatus.REJECTED:
            return f"- ⏹️ **{phase.capitalize()}**"
        case _:
            return f"- ⬜ **{phase.capitalize()}**"


def _result(job: Job, phase: Phase) -> str:
    journey = job.journey
    if phase == "understanding" and journey.understanding:
        plan = journey.understanding.plan
        return f": {inline_code(plan.skill_metadata.name)} in {inline_code(plan.taxonomy_path)}"
    if phase == "generation" and journey.generation:
        files = counted(len(journey.generation.draft.files), "file")
        return f": {files}, version {inline_code(journey.generation.draft.short_digest)}{_approval(journey)}"
    if phase == "validation" and journey.validation:
        return f": {len(journey.validation.checks_performed)} checks, {_findings(job)}"
    return ""


def _approval(journey: Journey) -> str:
    """Who approved this version; of a later one, which version was approved."""
    if not journey.approved_by or journey.generation is None:
        return ""
    if journey.approved_digest == journey.generation.draft.digest:
        return f", approved by {person(journey.approved_by)}"
    older = inline_code(journey.approved_digest[:8])
    return f", refined in review after {person(journey.approved_by)} approved {older}"


def _findings(job: Job) -> str:
    assert job.journey.validation is not None
    counts = {"error": 0, "warning": 0, "info": 0}
    for finding in job.journey.validation.findings:
        counts[finding.severity] += 1
    words = [counted(number, severity) for severity, number in counts.items() if number and severity != "info"]
    return listed(words) or "no errors or warnings"


def _happened(job: Job) -> list[str]:
    journey = job.journey
    lines: list[str] = []
    if job.started_by:
        lines.append(f"Started by {person(job.started_by)}.")
    answered = [given for given in journey.clarifications if given.answer is not None]
    if answered:
        skipped = all(not given.answer for given in answered)
        by = listed(sorted({person(given.by) for given in answered if given.by}))
        lines.append(
            "The questions were skipped; I go by the stated assumptions."
            if skipped
            else f"{counted(len(answered), 'round')} of questions answered{f' by {by}' if by else ''}."
        )
    if journey.previews_shown:
        lines.append(f"{counted(journey.previews_shown, 'preview')} shown.")
    if journey.validation_waived_by:
        lines.append(f"Remaining advice of the validation was accepted by {person(journey.validation_waived_by)}.")
    if job.pull:
        lines.append(f"Pull request: {_pull(job)}.")
    if job.status in ENDED and job.ended_reason:
        reason = safe_inline(_WAYS_IT_ENDED.get(job.ended_reason, job.ended_reason), 600)
        lines.append(f"How it ended: {reason.rstrip('.')}.")
    return lines


def _pull(job: Job) -> str:
    """A reference that GitHub links, meant to: it is our own pull request."""
    return f"#{job.pull.number}" if job.pull else "the pull request"


def _footer(job: Job) -> list[str]:
    parts: list[str] = []
    if job.journey.drafter:
        parts.append(f"Drafted by: {written_by(job.journey.drafter)}")
    if job.journey.drafter != OUTLINE and (cost := spent(job.journey.usage)):
        parts.append(cost)
    parts.append(f"{command(Verb.HELP)} lists what you can say")
    return parts
