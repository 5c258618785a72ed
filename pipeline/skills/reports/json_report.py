"""The report as JSON: stable, versioned, documented in the design; what other programs read."""

from __future__ import annotations

import json

from pipeline.skills.findings import Finding, ValidationReport


def render_json(report: ValidationReport) -> str:
    """The report as one JSON object with a final newline. `repository` is there only when it has findings."""
    summary = report.summary
    document: dict[str, object] = {
        "version": report.version,
        "verdict": report.verdict.value,
        "skills": [
            {
                "path": skill.path,
                "name": skill.name,
                "verdict": skill.verdict.value,
                "findings": [finding_as_json(finding) for finding in skill.findings],
            }
            for skill in report.skills
        ],
    }
    if report.repository:
        document["repository"] = [finding_as_json(finding) for finding in report.repository]
    document["summary"] = {
        "skills": summary.skills,
        "errors": summary.errors,
        "warnings": summary.warnings,
        "infos": summary.infos,
        "seconds": summary.seconds,
    }
    return json.dumps(document, ensure_ascii=True, indent=2) + "\n"


def finding_as_json(finding: Finding) -> dict[str, str | int | bool]:
    """One finding as a JSON object; line and column are 0 when it is about the file as a whole."""
    shown: dict[str, str | int | bool] = {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "fixable": finding.fixable,
    }
    if finding.evidence:
        shown["evidence"] = finding.evidence
    return shown
