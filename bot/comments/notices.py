"""The short replies: one function per thing the bot has to say in passing. Each says what happens next.

`login` arguments are the person the sentence is for; they are mentioned once where a notification is due and named
without notification elsewhere.
"""

from bot.commands.meaning import Malformed
from bot.commands.table import COMMANDS, Verb
from bot.comments.markdown import inline_code, safe_inline
from bot.comments.status import needed
from bot.comments.words import command, counted, day, mention, person, usage_of
from bot.jobs.job import Job, JobStatus
from bot.repo_config import RepoConfig
from pipeline.journey import Failure

STATE_LABELS: dict[JobStatus, str] = {
    JobStatus.QUEUED: "waiting-for-start",
    JobStatus.RUNNING: "working",
    JobStatus.PENDING_USER_INPUT: "needs-answer",
    JobStatus.PENDING_HITL: "needs-decision",
    JobStatus.IN_REVIEW: "in-review",
    JobStatus.PROMOTED: "promoted",
    JobStatus.REJECTED: "rejected",
    JobStatus.CANCELLED: "cancelled",
    JobStatus.EXPIRED: "expired",
    JobStatus.FAILED: "failed",
}
"""What stands behind `skill:` in the label of each status."""

_STATUS_WORDS = {
    JobStatus.QUEUED: "the request is waiting to be started",
    JobStatus.RUNNING: "I am working on the request right now",
    JobStatus.PENDING_USER_INPUT: "I am waiting for an answer to my questions",
    JobStatus.PENDING_HITL: "I am waiting for a decision",
    JobStatus.IN_REVIEW: "the pull request is in review",
    JobStatus.PROMOTED: "the skill has been promoted",
    JobStatus.REJECTED: "the pull request was closed without merging",
    JobStatus.CANCELLED: "the request was cancelled",
    JobStatus.EXPIRED: "the request fell asleep waiting for an answer",
    JobStatus.FAILED: "the request was stopped by a problem",
}


# --- commands --------------------------------------------------------------------------------------------------------


def help_text(bot_login: str) -> str:
    """The command table, for people."""
    rows = ["| Command | What it does | Who |", "| --- | --- | --- |"]
    rows += [f"| {inline_code(spec.usage)} | {spec.summary} | {spec.who} |" for spec in COMMANDS.values()]
    name = inline_code(f"@{bot_login.removesuffix('[bot]')} help")
    return "\n\n".join(
        [
            f"A command stands at the start of a line; {name} works like {command(Verb.HELP)}.",
            "\n".join(rows),
            (
                "While I am waiting for you, a plain reply is enough. "
                "My reactions: 👀 seen, 🚀 done, 👍 nothing to do, 😕 not understood, 👎 not permitted."
            ),
        ]
    )


def denied(login: str, reason: str) -> str:
    return f"{mention(login)}, I cannot do that for you. {safe_inline(reason, 400)}"


def unknown_command(word: str, nearest: Verb | None) -> str:
    meant = f" Did you mean {usage_of(nearest)}?" if nearest else ""
    return f"I do not know {inline_code(f'/skill {word[:40]}')}.{meant} {command(Verb.HELP)} lists what I understand."


def malformed_command(malformed: Malformed) -> str:
    spec, reason = COMMANDS[malformed.verb], safe_inline(malformed.reason, 400)
    return reason if "for example" in malformed.reason else f"{reason} For example: {inline_code(spec.example)}."


def command_in_code() -> str:
    """To somebody whose comment is nothing but a command in code."""
    return (
        "A command in code is only shown, never run, so nothing has happened. Post it again as plain text at the start "
        "of a line, without the backticks."
    )


def sounds_like_yes(login: str, digest: str) -> str:
    """To somebody who agrees in plain words. `digest`: the short hash that is open, "" where there is none."""
    return (
        f"{mention(login)}, that sounds like a yes, so I change nothing. What counts is "
        f"{command(Verb.APPROVE, digest)} by {COMMANDS[Verb.APPROVE].who}: everybody sees then which version was meant."
    )


def not_now(verb: Verb | str, status: JobStatus) -> str:
    return (
        f"{inline_code(f'/skill {verb}')} does nothing at the moment: {_STATUS_WORDS[status]}. "
        f"{command(Verb.STATUS)} says what is needed next."
    )


def wrong_answer(sentence: str) -> str:
    return f"{_sentence(sentence)} {command(Verb.STATUS)} says what I am waiting for."


def stale_approval(given: str, current: str) -> str:
    """`given` and `current` are short hashes; "" when none was given or nothing is open."""
    if not current:
        return f"There is nothing to approve at the moment. {command(Verb.STATUS)} says where the request stands."
    if not given:
        return (
            "That approval was written before the newest preview was there, so I did not count it. "
            f"Please look at version {inline_code(current)} and say {command(Verb.APPROVE, current)}."
        )
    return (
        f"Version {inline_code(given)} is not the newest preview any more, so I did not count the approval. "
        f"The newest is {inline_code(current)}: {command(Verb.APPROVE, current)}."
    )


def approve_afresh() -> str:
    return (
        "An approval counts only in a new comment, not in an edited one, so that everybody sees when it was given. "
        f"Please post {command(Verb.APPROVE)} again."
    )


def status_reply(job: Job, config: RepoConfig) -> str:
    """The answer to `/skill status`; the status comment has the details."""
    where = _STATUS_WORDS[job.status]
    return f"{where[0].upper()}{where[1:]}. What is needed now: {needed(job, config, job.updated_at)}"


# --- the request -----------------------------------------------------------------------------------------------------


def waiting_for_start(label: str) -> str:
    return (
        "Thank you for the request! Work on it costs model time, so somebody with triage permission has to start it: "
        f"by {command(Verb.START)}, or by taking the label {inline_code(label)} off and putting it on again. "
        "Until then nothing happens; after that I ask here what is unclear, and show a draft."
    )


def request_changed() -> str:
    return (
        "The request was edited after I had understood it. The draft still follows the older text. "
        f"{command(Verb.REGENERATE)} starts again from what it says now; a plain reply asks for single changes."
    )


def rebuilt() -> str:
    """On the pull request, when the job row was lost."""
    return (
        "My notes on this request were lost, so I have read the issue and the files of this branch again. "
        "Reviews work as before; what was said and approved earlier is not known to me any more."
    )


def lost() -> str:
    """On the issue, when the job row was lost and no pull request is left to go on from."""
    return (
        "My notes on this request were lost. Nothing on GitHub is changed by that: "
        f"{command(Verb.START)} begins again from the request as it stands now."
    )


def too_late(login: str) -> str:
    return (
        f"{mention(login)}, I was already working with the answer before this one, so I have not used it yet. "
        "When I ask or show something next, please say it again there."
    )


def issue_gone(reason: str) -> str:
    """On the pull request, when its issue cannot be written to any more."""
    return (
        f"{_sentence(reason[:1].upper() + reason[1:])} This pull request stands on its own now: merging it still "
        "promotes the skill, and I change nothing more in it."
    )


def had_stopped(login: str, reason: str) -> str:
    """To somebody who speaks where the work ended without a word."""
    return (
        f"{mention(login)}, I had to stop here: {_sentence(reason[:1].upper() + reason[1:])} {command(Verb.RETRY)} by "
        f"{COMMANDS[Verb.RETRY].who} takes this up where it was; please say it again after that."
    )


def answer_edited(login: str) -> str:
    return (
        f"{mention(login)}, you edited an answer that I had already used, so the edit changes nothing. "
        "Please say what should be different in a new comment."
    )


def answer_deleted(login: str) -> str:
    return (
        f"An answer by {person(login)} that I had already used was deleted. The work goes on with it; "
        f"{command(Verb.CANCEL)} stops it."
    )


# --- waiting, stopping, going on -------------------------------------------------------------------------------------


def reminder(job: Job) -> str:
    until = f" I wait until {day(job.expire_at)}; a later answer still counts." if job.expire_at else ""
    what = {
        JobStatus.PENDING_USER_INPUT: "my questions above are still open",
        JobStatus.PENDING_HITL: "I still need a decision on the comment above",
        JobStatus.QUEUED: f"the request still waits for somebody with triage permission to say {command(Verb.START)}",
    }.get(job.status, "this request is still waiting")
    return f"{mention(job.requester)}, a friendly reminder: {what}.{until}"


def expired(job: Job, days: int) -> str:
    if not job.started_by:
        return (
            f"Nobody started this request for {counted(days, 'day')}, so I stop waiting. Nothing is lost: "
            f"{command(Verb.START)} takes it up whenever it suits."
        )
    return (
        f"Nobody answered for {counted(days, 'day')}, so I stop waiting. Nothing is lost: "
        "answer my last question whenever it suits and I go on from there."
    )


def cancelled(by: str = "") -> str:
    """`by` a person; without a name, by whoever runs the bot."""
    who = person(by) if by else "whoever runs me"
    return f"Cancelled by {who}. Nothing was deleted; {command(Verb.RETRY)} takes the request up where it stopped."


def rejected(by: str, *, remarks: int = 0) -> str:
    kept = (
        f"{counted(remarks, 'remark')} from there {'is' if remarks == 1 else 'are'} kept with it. " if remarks else ""
    )
    return (
        f"The pull request was closed without merging by {person(by)}, so the skill is not promoted. {kept}"
        f"{command(Verb.RETRY)} puts the last draft up again; reopening the pull request does, too."
    )


def failed(failure: Failure) -> str:
    """The one sentence the pipeline gave, and what can be done. Never a traceback."""
    next_step = (
        f"{command(Verb.RETRY)} tries again; what was already done is kept."
        if failure.retryable
        else f"Trying again unchanged will not help. When the cause is fixed, {command(Verb.RETRY)} goes on."
    )
    return (
        f"I had to stop: {_sentence(failure.message)} {next_step} (Code for the operator: {inline_code(failure.code)}.)"
    )


# --- the pull request ------------------------------------------------------------------------------------------------


def review_not_heard(login: str, reason: str) -> str:
    """To the requester, who may not review, on the pull request."""
    return (
        f"{mention(login)}, {safe_inline(reason[:1].lower() + reason[1:], 400)} You can ask for changes all the same: "
        f"write {usage_of(Verb.REFINE)} in a comment here."
    )


def closed_by_person() -> str:
    return (
        "Somebody closed the pull request for this skill, and I do not reopen what people closed. "
        f"Reopen it, or say {command(Verb.RETRY)} to have the draft put up again."
    )


def not_published(reason: str) -> str:
    return (
        f"I could not publish the skill: {_sentence(reason)} The draft is kept; "
        f"when that is fixed, {command(Verb.RETRY)} publishes it."
    )


def in_full(url: str) -> str:
    """Below a text that had to leave something out: where all of it is."""
    return f"**In full:** <{url}>"


def kept_message(issue_number: int) -> str:
    """The message of the commit that keeps what found no room."""
    return f"Keep what found no room in issue {issue_number}\n\n[skip ci]"


def merged_elsewhere(requester: str, number: int, branch: str) -> str:
    """On the issue, when somebody had the pull request merged into another branch than the default one."""
    return (
        f"{mention(requester)}, pull request #{number} was merged into {inline_code(branch)}, not into the default "
        "branch. My work is done; the skill can be installed as soon as that branch has reached the default one."
    )


def conflict() -> str:
    """On the pull request, when the default branch has moved so that it cannot be merged any more."""
    return (
        "The default branch has changed in the same places as this pull request, so it cannot be merged as it is. "
        f"{command(Verb.REGENERATE)} brings it up to date: the skill stays as reviewed if only lists are concerned, "
        "and is written anew on top of what is there now if the skill itself changed. Merging by hand works, too."
    )


def changed_on_base() -> str:
    """On the pull request, when the skill itself was changed on the default branch meanwhile."""
    return (
        "The skill itself was changed on the default branch meanwhile, so I work the request into what is there now. "
        "The next commit here merges both; please review it again."
    )


def conflict_by_hand(reason: str) -> str:
    """On the pull request, when the conflict is in what people wrote."""
    return (
        f"I cannot resolve this conflict: {_sentence(reason)} I do not decide between what people wrote, so please "
        "merge the default branch into this one by hand; I go on from there."
    )


def dependency_landed(name: str, path: str, pull_number: int) -> str:
    """On a request whose plan misses a skill, when that skill is merged."""
    return (
        f"The skill {inline_code(name)}, which this request builds on, is there now: {inline_code(path)}, merged by "
        f"#{pull_number}. Nothing has to be done; {command(Verb.REGENERATE)} writes a new draft that can refer to it."
    )


def _sentence(text: str) -> str:
    words = safe_inline(text, 600)
    return words if words.endswith((".", "!", "?", "…")) else f"{words}."
