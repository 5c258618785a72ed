"""SARIF 2.1.0 as GitHub's code scanning takes it: results with rule, region, relative URI and fingerprint."""

from __future__ import annotations

import json
from collections import Counter
from urllib.parse import quote

from pipeline.skills.findings import Finding, Severity, ValidationReport
from pipeline.skills.reports.github_report import by_importance
from pipeline.skills.rules.registry import Rule, all_rules
from pipeline.skills.suppression import fingerprint

MAX_RESULTS = 5_000
"""What GitHub shows of one upload; the rest is counted in a notification."""

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note", Severity.OFF: "none"}

Json = dict[str, object]


def render_sarif(report: ValidationReport, *, tool_version: str) -> str:
    """The report as one SARIF log."""
    rules = list(all_rules().values())
    index = {rule.id: number for number, rule in enumerate(rules)}
    found = by_importance(report.findings)
    seen: Counter[str] = Counter()
    results: list[Json] = []
    for finding in found[:MAX_RESULTS]:
        mark = fingerprint(finding)
        seen[mark] += 1
        results.append(_result(finding, index[finding.rule], f"{mark}:{seen[mark]}"))
    invocation: Json = {"executionSuccessful": True}
    if len(found) > MAX_RESULTS:
        message = f"{len(found) - MAX_RESULTS} less important findings were left out"
        invocation["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": message}}]
    driver: Json = {
        "name": "skill-fleet",
        "semanticVersion": tool_version,
        "informationUri": "https://agentskills.io/specification",
        "rules": [_rule(rule) for rule in rules],
    }
    run: Json = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},
        "invocations": [invocation],
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=True, indent=2) + "\n"


def _rule(rule: Rule) -> Json:
    name = rule.check.__name__ if rule.check is not None else getattr(rule.repository_check, "__name__", rule.id)
    properties: Json = {
        "tags": [rule.origin, *(["security"] if rule.id.startswith("SEC") else [])],
        "precision": "high",
    }
    if rule.id.startswith("SEC"):
        properties["security-severity"] = {"error": "8.0", "warning": "5.0"}.get(rule.severity.value, "2.0")
    else:
        properties["problem.severity"] = {"info": "recommendation"}.get(rule.severity.value, rule.severity.value)
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in name.split("_")),
        "shortDescription": {"text": rule.what[:1].upper() + rule.what[1:]},
        "fullDescription": {"text": rule.why},
        "help": {
            "text": f"{rule.why}\n\nHow to fix: {rule.fix}",
            "markdown": f"{rule.why}\n\n**How to fix:** {rule.fix}",
        },
        "helpUri": rule.source,
        "defaultConfiguration": {"level": _LEVELS[rule.severity], "enabled": rule.severity is not Severity.OFF},
        "properties": properties,
    }


def _result(finding: Finding, rule_index: int, mark: str) -> Json:
    start, column = max(finding.line, 1), max(finding.column, 1)
    end_line = max(finding.end_line, start)
    region: Json = {
        "startLine": start,
        "startColumn": column,
        "endLine": end_line,
        "endColumn": max(finding.end_column, column if end_line == start else 1),
    }
    location: Json = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(finding.file, safe="/-._~"), "uriBaseId": "%SRCROOT%"},
            "region": region,
        }
    }
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [location],
        "partialFingerprints": {"primaryLocationLineHash": mark},
    }
