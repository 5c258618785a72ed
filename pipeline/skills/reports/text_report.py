"""The report for people at a terminal: grouped by skill, one line per finding, the totals last.

Whatever comes from a skill is made printable first, so that a file cannot steer the terminal. Plain escape codes: rich
would cost more time to import than a skill takes to check, and only wraps and highlights what is laid out here already;
it draws the progress of long runs.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.skills.findings import Finding, Severity, SkillReport, ValidationReport, Verdict

SourceLine = Callable[[str, int], str | None]
"""A file's line by path and 1-based number, for code frames; None when it cannot be had."""

_COLOURS = {
    Severity.ERROR: "31",
    Severity.WARNING: "33",
    Severity.INFO: "36",
    Severity.OFF: "0",
    Verdict.PASS: "32",
    Verdict.FAIL: "31",
    Verdict.UNLOADABLE: "1;31",
}


def render_text(report: ValidationReport, *, colour: bool = False, source_line: SourceLine | None = None) -> str:
    """The report as text with a final newline. `source_line` turns code frames on."""
    paint = _painter(colour)
    blocks = [_skill(skill, paint, source_line) for skill in report.skills if skill.findings]
    if report.repository:
        lines = [paint("1", "repository")]
        lines.extend(line for finding in report.repository for line in _finding(finding, "", paint, source_line))
        blocks.append("\n".join(lines))
    blocks.append(_totals(report, paint))
    return "\n\n".join(blocks) + "\n"


Paint = Callable[[str, str], str]


def _painter(colour: bool) -> Paint:
    return (lambda code, text: f"\033[{code}m{text}\033[0m") if colour else (lambda code, text: text)


def printable(text: str) -> str:
    """The text with control and invisible characters escaped, on one line."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _skill(skill: SkillReport, paint: Paint, source_line: SourceLine | None) -> str:
    unclean = skill.verdict is Verdict.PASS and skill.has_errors
    verdict = paint("31", "pass, with errors") if unclean else paint(_COLOURS[skill.verdict], skill.verdict.value)
    heading = f"{paint('1', printable(skill.path))}  {verdict}"
    prefix = "" if skill.path == "." else f"{skill.path}/"
    return "\n".join(
        [heading, *(line for finding in skill.findings for line in _finding(finding, prefix, paint, source_line))]
    )


def _finding(finding: Finding, prefix: str, paint: Paint, source_line: SourceLine | None) -> list[str]:
    file = finding.file.removeprefix(prefix)
    place = f"{printable(file)}:{finding.line}:{finding.column}" if finding.line else printable(file)
    severity = paint(_COLOURS[finding.severity], f"{finding.severity.value:<7}")
    mark = " (fixable)" if finding.fixable else ""
    lines = [f"  {place:<18} {severity} {finding.rule}  {printable(finding.message)}{mark}"]
    if source_line is not None and finding.line:
        lines.extend(_frame(finding, source_line(finding.file, finding.line), paint))
    return lines


def _frame(finding: Finding, line: str | None, paint: Paint) -> list[str]:
    if line is None:
        return []
    number = f"{finding.line:>6} | "
    end = finding.end_column if finding.end_line == finding.line else len(line) + 1
    start = max(finding.column - 1, 0)
    cut = max(0, start - 60)
    shown = "".join(c if c.isprintable() else "·" for c in line[cut : cut + 100].replace("\t", " "))
    width = max(1, min(end - 1, cut + 100) - start)
    return [f"{number}{shown}", f"{' ' * len(number)}{' ' * (start - cut)}{paint('31', '^' * width)}"]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _totals(report: ValidationReport, paint: Paint) -> str:
    summary = report.summary
    by_verdict = {verdict: sum(1 for skill in report.skills if skill.verdict is verdict) for verdict in Verdict}
    verdicts = ", ".join(
        paint(_COLOURS[verdict], f"{count:,} {verdict.value}") for verdict, count in by_verdict.items() if count
    )
    found = ", ".join(
        (_count(summary.errors, "error"), _count(summary.warnings, "warning"), _count(summary.infos, "note"))
    )
    fixable = sum(1 for finding in report.findings if finding.fixable)
    fix = f" {_count(fixable, 'finding')} can be repaired with --fix." if fixable else ""
    return (
        f"{_count(summary.skills, 'skill')}: {verdicts or 'nothing to check'}. {found} in {summary.seconds:.2f} s.{fix}"
    )
