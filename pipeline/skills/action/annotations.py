"""Findings as annotations in the pull request: the most important first, within what GitHub shows of one step."""

from __future__ import annotations

from pipeline.skills.action.commands import escape_data
from pipeline.skills.findings import Finding, Severity, ValidationReport

PER_LEVEL = 10
"""GitHub shows this many annotations of each level per step, the first ones."""

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def escape_property(text: str) -> str:
    """The text as a property of a workflow command."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def render_annotations(report: ValidationReport) -> str:
    """One command per finding shown; the last of a level counts those that are not."""
    lines: list[str] = []
    for severity, level in _LEVELS.items():
        findings = [finding for finding in report.findings if finding.severity is severity]
        shown = findings if len(findings) <= PER_LEVEL else findings[: PER_LEVEL - 1]
        lines.extend(_command(level, finding) for finding in shown)
        if len(shown) < len(findings):
            rest = len(findings) - len(shown)
            lines.append(f"::{level} title=Skill Fleet::{rest} more findings like these are in the job summary.")
    return "".join(f"{line}\n" for line in lines)


def _command(level: str, finding: Finding) -> str:
    properties = {"file": finding.file}
    if finding.line:
        properties |= {"line": str(finding.line), "endLine": str(finding.end_line or finding.line)}
        if finding.column and finding.end_line in (0, finding.line):
            properties |= {"col": str(finding.column), "endColumn": str(max(finding.end_column - 1, finding.column))}
    properties["title"] = f"{finding.rule}"
    shown = ",".join(f"{name}={escape_property(value)}" for name, value in properties.items())
    return f"::{level} {shown}::{escape_data(finding.message)}"
