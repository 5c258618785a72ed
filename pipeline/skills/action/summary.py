"""What the Action shows in Markdown: the job summary and the comment. Pure.

Names, paths and messages come from the repository: they are made inert, so that they can neither mention people nor
link, nor break out of a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pipeline.skills.action.selection import Selection
from pipeline.skills.findings import Finding, Severity, SkillReport, ValidationReport, Verdict

_COMMENT_FINDINGS = 30
_COMMENT_SKILLS = 100
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_LINKING = re.compile(r"(?i)@|#|(?<=:)//|(?<=www)\.|(?<=gh)-")
_MARKS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.UNLOADABLE: "⛔"}
_SEVERITY_MARKS = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.INFO: "i"}


def inert(text: str) -> str:
    """The text as Markdown that shows exactly it, on one line, and does nothing else."""
    line = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    pieces: list[str] = []
    end = 0
    for match in _LINKING.finditer(line):
        pieces.append(_escaped(line[end : match.start()]))
        first = match.group()[0]
        pieces.append(f"<!-- -->{_escaped(match.group())}" if first in "/.-" else f"{_escaped(first)}<!-- -->")
        end = match.end()
    pieces.append(_escaped(line[end:]))
    return "".join(pieces)


def _escaped(text: str) -> str:
    return _PUNCTUATION.sub(lambda match: f"\\{match.group()}", text)


def render_summary(report: ValidationReport, selection: Selection) -> str:
    """The job summary: verdict, a table of skills, and every finding."""
    return "\n".join([*_head(report, selection), *_table(report.skills), *_findings(report.findings, None)]) + "\n"


def render_comment(report: ValidationReport, selection: Selection, environ: Mapping[str, str]) -> str:
    """The comment: like the summary but short, with a link to the run."""
    lines = [*_head(report, selection)]
    if report.findings:
        lines += [*_table(report.skills, _COMMENT_SKILLS), *_findings(report.findings, _COMMENT_FINDINGS)]
    return "\n".join([*lines, *_link(environ)]) + "\n"


def render_problem(message: str) -> str:
    """The job summary when the step could not do its work."""
    return f"### Skill Fleet could not check the skills\n\n{inert(message)}\n"


def _head(report: ValidationReport, selection: Selection) -> list[str]:
    totals = report.summary
    what = {
        Verdict.PASS: "pass",
        Verdict.FAIL: "fail: some break the specification",
        Verdict.UNLOADABLE: "fail: some would not be loaded",
    }[report.verdict]
    subject = f"{totals.skills} {'skill' if totals.skills == 1 else 'skills'}"
    heading = f"### {_MARKS[report.verdict]} {subject}: {what}" if report.skills else "### ✅ No skill to check"
    counts = f"{totals.errors} errors, {totals.warnings} warnings, {totals.infos} notes."
    lines = [heading, "", f"{counts} {selection.note}".strip()]
    if selection.removed:
        lines += ["", f"Removed: {', '.join(f'{inert(path)}' for path in selection.removed[:50])}."]
    return lines


def _table(skills: tuple[SkillReport, ...], limit: int | None = None) -> list[str]:
    shown = sorted(skills, key=lambda s: (s.verdict is Verdict.PASS, -s.count(Severity.ERROR), s.path))[:limit]
    if not shown:
        return []
    rows = [
        f"| {_MARKS[s.verdict]} | {inert(s.path)} | {s.verdict.value} "
        f"| {s.count(Severity.ERROR)} | {s.count(Severity.WARNING)} | {s.count(Severity.INFO)} |"
        for s in shown
    ]
    rest = len(skills) - len(shown)
    more = ["", f"… and {rest} more skills."] if rest else []
    return [
        "",
        "| | skill | verdict | errors | warnings | notes |",
        "| --- | --- | --- | ---: | ---: | ---: |",
        *rows,
        *more,
    ]


def _findings(findings: Iterable[Finding], limit: int | None) -> list[str]:
    ordered = sorted(findings, key=lambda finding: -finding.severity.rank)
    if not ordered:
        return []
    lines = ["", "| | rule | where | what |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {_SEVERITY_MARKS[f.severity]} | {inert(f.rule)} | {inert(f.file)}{f':{f.line}' if f.line else ''} "
        f"| {inert(f.message)} |"
        for f in ordered[:limit]
    ]
    rest = len(ordered) - len(ordered[:limit])
    return [*lines, "", f"… and {rest} more findings."] if rest else lines


def _link(environ: Mapping[str, str]) -> list[str]:
    server, repository, run = (environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    if not (server.startswith("https://") and repository and run.isdigit()):
        return []
    return ["", f"[All findings]({server}/{repository}/actions/runs/{run})"]
