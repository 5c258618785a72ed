"""The job summary: Markdown with a table and a grade per skill. Text from skills is escaped, the size bounded."""

from __future__ import annotations

from pipeline.skills.findings import Finding, Severity, SkillReport, ValidationReport, Verdict
from pipeline.skills.reports.github_report import by_importance

MAX_SKILLS = 300
MAX_FINDINGS = 50
_VERDICTS = {Verdict.PASS: "✅ pass", Verdict.FAIL: "❌ fail", Verdict.UNLOADABLE: "⛔ unloadable"}


def grade(skill: SkillReport) -> str:
    """A: nothing but notes; B: one or two warnings; C: more; D: an error of any origin; F: would not be loaded."""
    if skill.verdict is Verdict.UNLOADABLE:
        return "F"
    if skill.has_errors:
        return "D"
    warnings = skill.count(Severity.WARNING)
    return "A" if warnings == 0 else "B" if warnings <= 2 else "C"


def _verdict(verdict: Verdict, *, has_errors: bool) -> str:
    """The verdict in words; a pass with errors outside the specification is not shown as clean."""
    return "❌ pass, with errors" if verdict is Verdict.PASS and has_errors else _VERDICTS[verdict]


def render_summary(report: ValidationReport) -> str:
    """The report as Markdown for `$GITHUB_STEP_SUMMARY` or a comment."""
    summary = report.summary
    lines = [
        f"## Agent Skills: {_verdict(report.verdict, has_errors=summary.errors > 0)}",
        "",
        (
            f"{summary.skills:,} skills · {summary.errors:,} errors · {summary.warnings:,} warnings"
            f" · {summary.infos:,} notes"
        ),
        "",
    ]
    ordered = sorted(report.skills, key=lambda s: (-"ABCDF".index(grade(s)), s.path))
    if ordered:
        lines += ["| Skill | Grade | Verdict | Errors | Warnings | Notes |", "| --- | :-: | --- | --: | --: | --: |"]
        lines += [_row(skill) for skill in ordered[:MAX_SKILLS]]
        if len(ordered) > MAX_SKILLS:
            lines.append(f"\n…and {len(ordered) - MAX_SKILLS:,} more skills.")
        lines.append("")
    found = by_importance(f for f in report.findings if f.severity in (Severity.ERROR, Severity.WARNING))
    if found:
        lines += ["| Where | Rule | What |", "| --- | --- | --- |"]
        lines += [_finding(finding) for finding in found[:MAX_FINDINGS]]
        if len(found) > MAX_FINDINGS:
            lines.append(f"\n…and {len(found) - MAX_FINDINGS:,} more findings.")
        lines.append("")
    lines.append("Explain a rule: `skill-fleet validate --explain RULE`.")
    return "\n".join(lines) + "\n"


def _row(skill: SkillReport) -> str:
    counts = " | ".join(str(skill.count(s)) for s in (Severity.ERROR, Severity.WARNING, Severity.INFO))
    return (
        f"| {escape(skill.path)} | {grade(skill)} | {_verdict(skill.verdict, has_errors=skill.has_errors)} | {counts} |"
    )


def _finding(finding: Finding) -> str:
    place = f"{finding.file}:{finding.line}" if finding.line else finding.file
    mark = "❌" if finding.severity is Severity.ERROR else "⚠️"
    return f"| {escape(place)} | {mark} {finding.rule} | {escape(finding.message)} |"


def escape(text: str) -> str:
    """Text as Markdown that shows exactly that text in a table cell: no markup, no mention, no reference."""
    safe = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    entities = {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "@": "&#64;&#8203;",  # the zero-width space keeps GitHub from mentioning, which it does on the rendered text
        "#": "&#35;&#8203;",
        "|": "&#124;",
        "`": "&#96;",
        ":": "&#58;",
    }
    return "".join(entities.get(c, f"\\{c}" if c in "\\*_[]()!~" else c) for c in safe)
