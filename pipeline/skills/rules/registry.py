"""The one registry of rules: what each checks, on whose authority, how severe it is in which profile, and its check.

A rule is a small pure function from a subject to problems. Registration fails loudly on a duplicate id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from pipeline.skills.files import Symlink
from pipeline.skills.findings import WHOLE_FILE, Edit, Provenance, Severity, Span

if TYPE_CHECKING:
    from pipeline.skills.repository import Repository
    from pipeline.skills.subject import Subject

SPECIFICATION = "https://agentskills.io/specification"
BEST_PRACTICES = "https://agentskills.io/skill-creation/best-practices"
DESCRIPTIONS = "https://agentskills.io/skill-creation/optimizing-descriptions"
EVALUATING = "https://agentskills.io/skill-creation/evaluating-skills"
SCRIPTS = "https://agentskills.io/skill-creation/using-scripts"


class Profile(StrEnum):
    """For whom a skill is validated."""

    DEFAULT = "default"
    PORTABLE = "portable"
    CLAUDE = "claude"
    CODEX = "codex"
    COPILOT = "copilot"
    GH_PUBLISH = "gh-publish"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Problem:
    """What a check found. `file` is relative to the skill; `severity` overrides the rule's where the case is milder."""

    message: str
    span: Span = WHOLE_FILE
    file: str = ""
    severity: Severity | None = None
    edits: tuple[Edit, ...] = ()
    evidence: str = ""
    profiles: Mapping[Profile, Severity] | None = None


@dataclass(frozen=True, slots=True)
class RepositoryProblem:
    """What a repository check found, at a file of the tree; `skill` is the folder it is reported under, if any."""

    message: str
    file: str
    skill: str | None = None
    span: Span = WHOLE_FILE
    severity: Severity | None = None
    evidence: str = ""
    profiles: Mapping[Profile, Severity] | None = None


Example = str | Mapping[str, str | bytes | Symlink]
"""A SKILL.md (or, without frontmatter, its body) of a skill `pdf-forms`, or the files of a small repository by path."""

Check = Callable[["Subject"], Iterable[Problem]]
RepositoryCheck = Callable[["Repository"], Iterable[RepositoryProblem]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `what` completes "This rule reports …"; `fix` says what a person does, `fixable` whether `--fix`
    can.
    """

    id: str
    severity: Severity
    provenance: Provenance
    what: str
    why: str
    source: str
    fix: str
    bad: Example
    good: Example
    client: str = ""
    fixable: bool = False
    breaks_loading: bool = False
    profiles: Mapping[Profile, Severity] = field(default_factory=dict)
    check: Check | None = None
    repository_check: RepositoryCheck | None = None

    @property
    def origin(self) -> str:
        """The provenance as shown: `spec`, `practice`, …, or `client:NAME`."""
        return f"{self.provenance.value}:{self.client}" if self.client else self.provenance.value

    def severity_in(self, profile: Profile, problem: Problem | RepositoryProblem | None = None) -> Severity:
        """The severity of a problem of this rule under a profile; `OFF` when the profile does not want it."""
        overrides = self.profiles
        severity = self.severity
        if problem is not None and problem.severity is not None:
            severity = problem.severity
            overrides = {key: value for key, value in self.profiles.items() if value is Severity.OFF}
        if problem is not None and problem.profiles is not None:
            overrides = problem.profiles
        severity = overrides.get(profile, severity)
        if profile is Profile.STRICT and Profile.STRICT not in overrides and severity is Severity.WARNING:
            return Severity.ERROR
        return severity


_RULES: dict[str, Rule] = {}
_MODULES = (
    "spec_file",
    "spec_fields",
    "structure",
    "references",
    "content",
    "workflow",
    "description",
    "security_text",
    "security_shell",
    "security_python",
    "security_literals",
    "limits",
    "taxonomy",
    "categories",
    "ignoring",
)


def register(rule: Rule) -> None:
    """Adds a rule. Raises ValueError when the id is taken."""
    if rule.id in _RULES:
        raise ValueError(f"rule {rule.id} is registered twice")
    _RULES[rule.id] = rule


def rule(
    id: str,  # noqa: A002 - the word of the catalogue
    severity: Severity,
    provenance: Provenance,
    *,
    what: str,
    why: str,
    source: str,
    fix: str,
    bad: Example,
    good: Example,
    client: str = "",
    fixable: bool = False,
    breaks_loading: bool = False,
    profiles: Mapping[Profile, Severity] | None = None,
) -> Callable[[Check], Check]:
    """Registers the decorated function as the check of a rule about one skill."""

    def decorate(check: Check) -> Check:
        register(
            Rule(
                id, severity, provenance, what, why, source, fix, bad, good,
                client, fixable, breaks_loading, profiles or {}, check=check,
            )
        )  # fmt: skip
        return check

    return decorate


def repository_rule(
    id: str,  # noqa: A002 - the word of the catalogue
    severity: Severity,
    provenance: Provenance,
    *,
    what: str,
    why: str,
    source: str,
    fix: str,
    bad: Example,
    good: Example,
    client: str = "",
    profiles: Mapping[Profile, Severity] | None = None,
) -> Callable[[RepositoryCheck], RepositoryCheck]:
    """Registers the decorated function as the check of a rule about a whole repository."""

    def decorate(check: RepositoryCheck) -> RepositoryCheck:
        register(
            Rule(
                id, severity, provenance, what, why, source, fix, bad, good,
                client, profiles=profiles or {}, repository_check=check,
            )
        )  # fmt: skip
        return check

    return decorate


def all_rules() -> Mapping[str, Rule]:
    """Every rule by id, in the order of the catalogue."""
    _import_rules()
    return _RULES


@cache
def _import_rules() -> None:
    """Once: asking for each module is a good part of what a small skill costs."""
    for module in _MODULES:
        import_module(f"pipeline.skills.rules.{module}")
