"""Everything said on and about the pull request: title, body, commit message, replies, the announcement at the end.

Only our own `Closes #N` is active, and only in the body. Text from people and models is made inert as everywhere.
"""

import hashlib
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from bot.commands.table import Verb
from bot.comments.installers import ways
from bot.comments.markdown import cell, details, fit, inline_code, safe_block, safe_inline, safe_plain, suggestion
from bot.comments.neighbours import neighbours
from bot.comments.preview import change_list
from bot.comments.report import MAX_ROWS, findings_table, quality_table, tally
from bot.comments.words import OUTLINE, bullets, counted, mention, percent, person, spent, usage_of, written_by
from bot.jobs.job import Job
from bot.repo_config import RepoConfig
from bot.setup.hosts import is_loopback
from pipeline.models import Change, TestCases
from pipeline.revision import version_of

_MOST_RISKS = 10
TOO_LONG = "The report is too long to show here; the findings are in the check run of this pull request as well."
_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}")


def title(job: Job) -> str:
    """`Add skill NAME`, or `Update skill NAME` when the request names an existing one."""
    if not (versions := _versions(job)):
        return safe_plain(f"Add skill {_name(job)}", 120)
    return safe_plain(f"Update skill {_name(job)} to {versions[1]}", 120)


def body(job: Job, config: RepoConfig) -> str:
    """The bot-owned region of the pull request's body."""
    return fit(_above_the_report(job, config), _report(job), TOO_LONG).body


def rest(job: Job, config: RepoConfig) -> str:
    """The report in full, as a file, when the body cannot hold all of it; "" otherwise."""
    validation = job.journey.validation
    if validation is None:
        return ""
    left_out = fit(_above_the_report(job, config), _report(job), TOO_LONG).overflow_text is not None
    if not left_out and len(validation.findings) <= MAX_ROWS:
        return ""
    return f"# Report on {inline_code(_name(job))}\n\n{_report(job, rows=len(validation.findings))}\n"


def _above_the_report(job: Job, config: RepoConfig) -> str:
    parts = [
        f"Closes #{job.issue_number}",
        _what(job),
        neighbours(found.taxonomy, found.dependencies) if (found := job.journey.understanding) else "",
        "**Assumptions**\n\n" + bullets(_assumptions(job)) if _assumptions(job) else "",
        "**Look closely before merging**\n\n" + "\n".join(risks) if (risks := _risks(job)) else "",
        _how_to_review(),
        details("Where this comes from", _provenance(job, config)),
    ]
    return "\n\n".join(part for part in parts if part)


def _report(job: Job, rows: int = MAX_ROWS) -> str:
    validation = job.journey.validation
    if validation is None:
        return ""
    report = f"{findings_table(validation.findings, rows)}\n\n{quality_table(validation.quality)}"
    quality = percent(validation.quality.overall_score)
    parts = [details(f"Validation report: quality {quality}, {tally(validation.findings)}", report)]
    if validation.test_cases.triggers:
        count = counted(len(validation.test_cases.triggers), "trigger test")
        parts.append(details(count, _triggers(validation.test_cases, validation.trigger_losses)))
    return "\n\n".join(parts)


def commit_message(job: Job, *, round_summary: str, web: str) -> str:
    """Imperative subject, what changed in this round, and credit for the requester when the numeric id is known.

    `web` is the GitHub that this is on.
    """
    first = job.pull is None
    summary = safe_plain(round_summary, 1_000)
    if first:
        subject = title(job)
        reason = f"Drafted for issue {job.issue_number}."
    else:
        subject = safe_plain(f"Refine skill {_name(job)}", 72)
        reason = f"Refined after review, for issue {job.issue_number}."
    text = [subject[:72].rstrip(), reason]
    if summary:
        text.append(_wrapped(summary))
    if job.requester_id and _LOGIN.fullmatch(job.requester):
        address = f"{job.requester_id}+{job.requester}@users.noreply.{_mail_host(web)}"
        text.append(f"Co-authored-by: {job.requester} <{address}>")
    return "\n\n".join(text)


def merge_message(base: str, branch: str, *, by: str) -> str:
    """The message of the commit that brings a branch up to its base."""
    subject = safe_plain(f"Merge {base} into {branch}", 72)
    return f"{subject}\n\nAsked for by {safe_plain(by, 40)}. The lists of skills are made anew."


def ready(job: Job) -> str:
    """On the issue, when the pull request is there: a person has to act."""
    assert job.pull is not None
    return (
        f"{mention(job.requester)}, the skill {inline_code(_name(job))} is ready for review in #{job.pull.number}. "
        "When it is merged, this request is done and I say here how to install the skill."
    )


def promoted(job: Job, merge_sha: str, web: str) -> str:
    """On the issue, after the merge: done, and how to get the skill from the GitHub at `web`."""
    path = job.pull.path if job.pull else _path(job)
    name = path.rsplit("/", 1)[-1] or _name(job)
    known = ways(web, job.repository.full_name, name, path)
    rows = ["| With | How |", "| --- | --- |", *(f"| {way.name} | {way.how} |" for way in known)]
    parts = [
        (
            f"🎉 {mention(job.requester)}, {inline_code(name)} is now a skill of this repository: {inline_code(path)}, "
            f"merged as {inline_code(merge_sha[:10])}. Thank you for asking for it!"
        ),
        "\n".join(rows) if known else "",
        "To change it later, file another request that names it.",
    ]
    return "\n\n".join(part for part in parts if part)


def up_to_date() -> str:
    """On the pull request, when its conflict with the default branch is resolved."""
    return (
        "I merged the default branch into this one and made the lists of skills anew. The skill itself is unchanged, "
        "so what was reviewed still holds."
    )


def refined(job: Job, changes: list[Change]) -> str:
    """On the pull request, after a refinement commit: what became of each point."""
    done = sum(change.outcome == "applied" for change in changes)
    opening = "I pushed a commit for your review." if done else "I looked at your review and changed nothing."
    return f"{opening}\n\n{change_list(changes)}\n\nReview again, or ask for more; merging finishes the request."


def thread_reply(change: Change) -> str:
    """In the thread of a line comment: done, or why not."""
    note = safe_inline(change.note)
    if change.outcome == "applied":
        return f"✅ Done in the newest commit{f': {note}' if note else '.'}"
    return f"➖ I left this as it is{f': {note}' if note else '.'} Reply here if you see it differently."


def thread_suggestion(change: Change, lines: Sequence[str]) -> str | None:
    """In the thread of a line comment whose wish concerns nothing but its lines; None when it cannot be suggested."""
    block = suggestion(lines)
    if block is None:
        return None
    note = safe_inline(change.note)
    return (
        f"✏️ This would do it{f': {note}' if note else '.'} *Commit suggestion* takes it over; "
        f"a reply here asks for something else.\n\n{block}"
    )


def _mail_host(web: str) -> str:
    """Every GitHub has private addresses of its own; the sandbox plays github.com."""
    host = urlsplit(web).hostname or ""
    return "github.com" if is_loopback(host) else host


def _what(job: Job) -> str:
    validation = job.journey.validation
    understanding = job.journey.understanding
    lines = [f"Adds the skill {inline_code(_name(job))} in {inline_code(_path(job))}."]
    if versions := _versions(job):
        before, after = (inline_code(version) for version in versions)
        lines = [f"Changes the skill {inline_code(_name(job))} in {inline_code(_path(job))}: {before} → {after}."]
    if understanding:
        lines.append(safe_block(understanding.plan.skill_metadata.description, 2_000))
    if validation:
        files = "\n".join(f"| {inline_code(path)} |" for path in sorted(validation.draft.files))
        lines.append(f"| Files |\n| --- |\n{files}")
    return "\n\n".join(lines)


def _versions(job: Job) -> tuple[str, str] | None:
    """Version before and after, when an existing skill is changed."""
    journey = job.journey
    if journey.existing is None or journey.rebuilt or journey.generation is None:
        return None
    after = version_of(journey.generation.draft)
    return version_of(journey.existing) or "no version", after or "an unknown version"


def _risks(job: Job) -> list[str]:
    """What the security rules found and a quality below the target: seen at once, not only in the folded report."""
    validation, target = job.journey.validation, job.journey.options.quality_target
    findings = validation.findings if validation else []
    found = [item for item in findings if item.rule.startswith("SEC") and item.severity != "info"]
    lines = [
        f"- {inline_code(f'{item.file}:{item.line}')} {safe_inline(item.message, 300)} ({inline_code(item.rule)})"
        for item in found[:_MOST_RISKS]
    ]
    if (more := len(found) - len(lines)) > 0:
        lines.append(f"- and {counted(more, 'more finding')}, in the report below")
    reached = validation.quality.overall_score if validation else 1.0
    if reached < target and percent(reached) != percent(target):
        lines.append(
            f"- The quality is {percent(reached)}, below the target of {percent(target)}. What could be better is in "
            "the report below."
        )
    return lines


def _how_to_review() -> str:
    return (
        "**How to review:** comment on lines, or submit a review that requests changes and says what; each round "
        f"becomes one commit here. {usage_of(Verb.REFINE)} in a comment does the same. Your own commits on this branch "
        "are kept. Merging promotes the skill; closing rejects it."
    )


def _provenance(job: Job, config: RepoConfig) -> str:
    journey = job.journey
    rows = [
        (
            "Request",
            f"issue {job.issue_number} by {person(job.requester)}, as of snapshot {inline_code(snapshot(job))}",
        ),
        ("Drafted by", written_by(journey.drafter)),
    ]
    if journey.drafter != OUTLINE and (spending := spent(journey.usage)):
        rows.append(("Cost", spending))
    if journey.prompts:
        rows.append(("Prompts", f"version {inline_code(journey.prompts)}"))
    if journey.approved_digest:
        rows.append(
            ("Approved", f"version {inline_code(journey.approved_digest[:8])} by {person(journey.approved_by)}")
        )
    if job.journey.validation:
        rows.append(("Published", f"version {inline_code(job.journey.validation.draft.short_digest)}"))
        rows.append(("Rules", f"profile {inline_code(config.validation_profile)}"))
    if journey.validation_waived_by:
        rows.append(("Advice waived", f"by {person(journey.validation_waived_by)}"))
    if job.started_by:
        rows.append(("Started by", person(job.started_by)))
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])


def snapshot(job: Job) -> str:
    """Twelve hexadecimal characters that name the text of the request that was used."""
    request = job.journey.request
    return hashlib.sha256(f"{request.title}\0{request.text}".encode()).hexdigest()[:12]


def _triggers(cases: TestCases, losses: list[str]) -> str:
    rows = ["| Query | Should trigger |", "| --- | --- |"]
    rows += [f"| {cell(case.query, 400)} | {'yes' if case.should_trigger else 'no'} |" for case in cases.triggers]
    parts = ["\n".join(rows)]
    if losses:
        parts.append("**Sibling skills that win a query meant for this one**\n\n" + bullets(losses))
    return "\n\n".join(parts)


def _assumptions(job: Job) -> list[str]:
    return list(job.journey.understanding.plan.assumptions) if job.journey.understanding else []


def _name(job: Job) -> str:
    journey = job.journey
    if journey.validation:
        return journey.validation.draft.name
    if journey.generation:
        return journey.generation.draft.name
    return journey.understanding.plan.skill_metadata.name if journey.understanding else "as requested"


def _path(job: Job) -> str:
    journey = job.journey
    if journey.validation:
        return journey.validation.draft.path
    if journey.generation:
        return journey.generation.draft.path
    return journey.understanding.plan.taxonomy_path if journey.understanding else ""


def _wrapped(text: str, width: int = 72) -> str:
    lines: list[str] = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) + 1 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    # A line that looks like a trailer would be read as one.
    return "\n".join(re.sub(r"^([A-Za-z-]+):(?=\s|$)", r"\1 -", line) for line in lines)
