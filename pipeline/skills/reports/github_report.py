"""GitHub annotations: workflow commands on standard output, within GitHub's limits, the most important first.

A step shows at most ten errors, ten warnings and ten notices; what does not fit is counted in the last notice.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.skills.findings import Finding, Severity, ValidationReport

PER_LEVEL = 10
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render_github(report: ValidationReport) -> str:
    """The report as workflow commands, one a line."""
    shown: list[str] = []
    left = 0
    for severity in (Severity.ERROR, Severity.WARNING, Severity.INFO):
        found = by_importance(finding for finding in report.findings if finding.severity is severity)
        room = PER_LEVEL if severity is not Severity.INFO else PER_LEVEL - 1
        shown.extend(_command(finding) for finding in found[:room])
        left += max(0, len(found) - room)
    summary = report.summary
    totals = f"{summary.skills} skills, {summary.errors} errors, {summary.warnings} warnings, {summary.infos} notes"
    if left:
        shown.append(f"::notice title=skill-fleet::{_data(f'{left} more findings are not annotated here. {totals}')}")
    return "".join(line + "\n" for line in shown)


def by_importance(findings: Iterable[Finding]) -> list[Finding]:
    """Worst first: severity, then what concerns security, then files in order."""
    return sorted(findings, key=lambda f: (-f.severity.rank, not f.rule.startswith("SEC"), f.file, f.line, f.rule))


def _command(finding: Finding) -> str:
    parts = [f"file={_property(finding.file)}"]
    if finding.line:
        parts.append(f"line={finding.line}")
        parts.append(f"endLine={max(finding.end_line, finding.line)}")
        if finding.end_line == finding.line:
            parts.append(f"col={finding.column}")
            parts.append(f"endColumn={max(finding.end_column, finding.column)}")
    parts.append(f"title={_property(finding.rule)}")
    return f"::{_COMMANDS[finding.severity]} {','.join(parts)}::{_data(finding.message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
