"""What the rules and the quality measures found, as tables; the `validate` checkpoint and the check run's summary."""

from collections.abc import Sequence

from bot.commands.table import Verb
from bot.comments.markdown import cell, code_block, details, inline_code, safe_plain, suggestion
from bot.comments.words import APPROVER, bullets, command, counted, listed, mention, percent, person
from pipeline.checkpoints import ValidateCheckpoint
from pipeline.models import QualityAssessment, ReportedFinding

MAX_ROWS = 50
_SUMMARY_ROOM = 55_000
_SIGNS = {"error": "❌ error", "warning": "⚠️ warning", "info": "💡 hint"}
_SIZES = {
    "too_small": "too small",
    "optimal": "good size",
    "acceptable": "acceptable size",
    "too_large": "too large",
}


def findings_table(findings: Sequence[ReportedFinding], max_rows: int = MAX_ROWS) -> str:
    """Findings worst first; what does not fit is counted."""
    if not findings:
        return "No findings."
    order = list(_SIGNS)
    ranked = sorted(findings, key=lambda finding: (order.index(finding.severity), finding.file, finding.line))
    rows = ["| | Rule | Where | What |", "| --- | --- | --- | --- |"]
    rows += [
        f"| {_SIGNS[finding.severity]} | {_code_cell(finding.rule)} | {_code_cell(_place(finding))} "
        f"| {cell(finding.message, 400)} |"
        for finding in ranked[:max_rows]
    ]
    table = "\n".join(rows)
    left_out = len(findings) - max_rows
    return f"{table}\n\n… and {counted(left_out, 'more finding')}." if left_out > 0 else table


def tally(findings: Sequence[ReportedFinding]) -> str:
    """`1 error, 2 warnings and 1 hint`, or `no findings`."""
    names = {"error": "error", "warning": "warning", "info": "hint"}
    counts = {
        severity: sum(finding.severity == severity for finding in findings) for severity in ("error", "warning", "info")
    }
    return listed([counted(number, names[severity]) for severity, number in counts.items() if number]) or "no findings"


def quality_table(quality: QualityAssessment) -> str:
    """The deterministic scores; a model's advice is listed apart and named as advice."""
    rows = [
        ("Overall", percent(quality.overall_score)),
        ("Complete", percent(quality.completeness)),
        ("Follows the rules", percent(quality.compliance)),
        ("Triggers covered", percent(quality.trigger_coverage)),
        ("Padding", percent(quality.verbosity)),
        ("Length", f"{counted(quality.word_count, 'word')}, {_SIZES[quality.size_assessment]}"),
    ]
    parts = ["\n".join(["| Quality | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])]
    if quality.weaknesses:
        parts.append("**Could be better**\n\n" + bullets(list(quality.weaknesses)))
    if quality.missing_success_criteria:
        parts.append("**Not met yet**\n\n" + bullets(list(quality.missing_success_criteria)))
    if quality.advice:
        parts.append("**Advice from the model** (an opinion, never a verdict)\n\n" + bullets(list(quality.advice)))
    return "\n\n".join(parts)


def validate_checkpoint(checkpoint: ValidateCheckpoint, requester: str) -> str:
    digest = checkpoint.digest[:8]
    errors = any(finding.severity == "error" for finding in checkpoint.findings)
    if checkpoint.passed:
        opening = f"{mention(requester)}, the skill passed validation and is ready for a last look."
    else:
        opening = f"{mention(requester)}, I could not bring the skill through validation: {tally(checkpoint.findings)}."
    if errors:
        how = (
            f"Reply with how to fix this and I try again, or {command(Verb.REGENERATE)} starts a new draft. "
            "Errors cannot be waved through."
        )
    else:
        how = (
            f"{command(Verb.APPROVE, digest)} by {APPROVER} goes on to the pull request as it is. "
            "Reply with changes and I work them in first."
        )
    return "\n\n".join(
        [
            opening,
            findings_table(checkpoint.findings),
            details("Quality", quality_table(checkpoint.quality)),
            details(f"SKILL.md, version {digest}", code_block(checkpoint.document, "markdown", 30_000)),
            how,
        ]
    )


def validate_rest(checkpoint: ValidateCheckpoint) -> str:
    """Findings and document in full, as a file, when the comment cannot hold all of them; "" otherwise."""
    whole = code_block(checkpoint.document, "markdown")
    if len(checkpoint.findings) <= MAX_ROWS and whole == code_block(checkpoint.document, "markdown", 30_000):
        return ""
    return f"# Findings\n\n{findings_table(checkpoint.findings, len(checkpoint.findings))}\n\n# SKILL.md\n\n{whole}\n"


def check_summary(findings: Sequence[ReportedFinding], *, path: str, annotated: int | None = None) -> str:
    """The check run's summary for the skill at `path`. `annotated`: findings with an annotation, if not all."""
    place = inline_code(path)
    if not findings:
        return f"{place}: all rules pass. Nothing to do."
    errors = any(finding.severity == "error" for finding in findings)
    verdict = "has to change before it is merged" if errors else "can be merged"
    parts = [f"{place} {verdict}: {tally(findings)}."]
    if annotated is not None and annotated < len(findings):
        rest = len(findings) - annotated
        parts.append(f"The first {annotated:,} are shown at their lines; {rest:,} more are not shown there.")
    rows = len(findings)
    while len(table := findings_table(findings, rows)) > _SUMMARY_ROOM and rows > 1:
        rows = min(rows - 1, rows * _SUMMARY_ROOM // len(table))
    return "\n\n".join([*parts, table])


def no_skill(path: str) -> tuple[str, str]:
    """Title and summary of the check run where the folder is not there."""
    return "No skill here", f"There is no folder {inline_code(path)} at this commit."


def superseded() -> tuple[str, str]:
    """Title and summary of a check run that a newer one took the place of."""
    return "Superseded", "A newer run tells the result."


def fix_suggested(rest: str, *, by: str, suggested: int) -> str:
    """On somebody's own pull request: how many changes of the *Fix* button are suggested at their lines, and `rest`,
    the difference that cannot be suggested there ("" for none)."""
    opening = f"{person(by)} asked what can be repaired by rule. I commit to branches of my own only."
    if suggested:
        those = "it is" if suggested == 1 else "they are"
        opening += (
            f" Here {those}, as {counted(suggested, 'suggestion')}: *Commit suggestion* takes one over, "
            "*Add suggestion to batch* under *Files changed* several in one commit."
        )
    parts = [opening]
    if rest:
        summary = "What cannot be suggested at a line of this pull request" if suggested else "The changes"
        parts.append(details(summary, code_block(rest, "diff", 50_000)))
    parts.append(f"{inline_code('skill-fleet validate --fix')} makes the same changes in a checkout.")
    return "\n\n".join(parts)


def fix_suggestion(lines: Sequence[str]) -> str | None:
    """At the lines that these would replace; None when they cannot be suggested."""
    block = suggestion(lines)
    return f"Repairs what the rules found here.\n\n{block}" if block else None


def fix_committed(files: Sequence[str], *, by: str) -> str:
    """The message of the commit that the *Fix* button makes."""
    names = "\n".join(f"- {safe_plain(path, 120)}" for path in files[:20])
    return f"Repair what can be repaired by rule\n\nAsked for by {safe_plain(by, 40)} on the check run.\n\n{names}"


def _place(finding: ReportedFinding) -> str:
    return f"{finding.file}:{finding.line}" if finding.line > 0 else finding.file


def _code_cell(text: str) -> str:
    return inline_code(text[:200]).replace("|", "\\|")
