"""Findings, skill reports and the validation report: plain values, no I/O.

Lines and columns are 1-based, columns count code points, `end_column` is exclusive; 0 means "the file as a whole".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How much a finding weighs; `OFF` silences a rule in a profile."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    OFF = "off"

    @property
    def rank(self) -> int:
        """Higher is worse; `OFF` is 0."""
        return _RANK[self]


_RANK = {Severity.OFF: 0, Severity.INFO: 1, Severity.WARNING: 2, Severity.ERROR: 3}


class Provenance(StrEnum):
    """On whose authority a rule speaks."""

    SPEC = "spec"
    CLIENT = "client"
    PRACTICE = "practice"
    SECURITY = "security"
    REPOSITORY = "repository"


class Verdict(StrEnum):
    """What the specification says of a skill: it conforms, violates it, or would not be loaded at all.

    Errors of any other origin (security, a client, the repository) leave the verdict alone and fail a build.
    """

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNLOADABLE = "unloadable"


class Span(NamedTuple):
    """A region of a file, 1-based; the end column is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


WHOLE_FILE = Span(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the code points `start:end` of a file by `text`. The unit of `--fix`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem at a place. `file` is relative to the validated tree, `context` is its line's text."""

    rule: str
    severity: Severity
    message: str
    file: str
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    fixable: bool = False
    edits: tuple[Edit, ...] = ()
    evidence: str = ""
    context: str = ""
    verdict: Verdict = Verdict.PASS
    """What this finding alone would make of its skill."""


@dataclass(frozen=True, slots=True)
class SkillReport:
    """All findings about one skill and what they amount to. `path` is its folder, relative to the validated tree."""

    path: str
    name: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()

    def count(self, severity: Severity) -> int:
        """How many findings have exactly this severity."""
        return sum(1 for finding in self.findings if finding.severity is severity)

    @property
    def has_errors(self) -> bool:
        """Whether there is an error of any origin: what fails a build even where the verdict is `pass`."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals over a report; `seconds` is wall time."""

    skills: int
    errors: int
    warnings: int
    infos: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What validating a tree said. `repository` holds findings that belong to no single skill."""

    skills: tuple[SkillReport, ...]
    seconds: float = 0.0
    repository: tuple[Finding, ...] = ()
    version: int = field(default=1)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding, skill by skill, then the repository's own."""
        return tuple(f for skill in self.skills for f in skill.findings) + self.repository

    @property
    def summary(self) -> Summary:
        """Totals over all findings."""
        counts = {Severity.ERROR: 0, Severity.WARNING: 0, Severity.INFO: 0, Severity.OFF: 0}
        for finding in self.findings:
            counts[finding.severity] += 1
        return Summary(
            skills=len(self.skills),
            errors=counts[Severity.ERROR],
            warnings=counts[Severity.WARNING],
            infos=counts[Severity.INFO],
            seconds=round(self.seconds, 3),
        )

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of any skill."""
        verdicts = {skill.verdict for skill in self.skills}
        if Verdict.UNLOADABLE in verdicts:
            return Verdict.UNLOADABLE
        return Verdict.FAIL if Verdict.FAIL in verdicts else Verdict.PASS

    def worst(self) -> Severity:
        """The highest severity found; `OFF` when there is nothing to say."""
        return max((f.severity for f in self.findings), key=lambda s: s.rank, default=Severity.OFF)


def moved(finding: Finding, prefix: str) -> Finding:
    """The same finding with its file below `prefix`."""
    return replace(finding, file=f"{prefix}/{finding.file}") if prefix else finding
