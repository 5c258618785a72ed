"""IGN rules: ignore comments that are incomplete or stale. They are found where the comments are applied."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.skills.findings import Provenance, Severity
from pipeline.skills.rules.registry import SPECIFICATION, Problem, rule
from pipeline.skills.rules.spec_file import VALID
from pipeline.skills.subject import Subject


@rule(
    "IGN001",
    Severity.WARNING,
    Provenance.REPOSITORY,
    what="an ignore comment that names no known rule, gives no reason, or tries to silence a security error",
    why="A reason is what lets the next reader judge whether the exception still holds.",
    source=SPECIFICATION,
    fix="Write `skill-fleet: ignore RULE reason`, one rule per comment. Security errors go into the baseline file.",
    bad=VALID + "\n<!-- skill-fleet: ignore CON002 -->\nHandle errors appropriately.\n",
    good=VALID + "\n<!-- skill-fleet: ignore CON002 quoted from the style guide -->\nHandle errors appropriately.\n",
)
def ignore_comments_are_complete(skill: Subject) -> Iterator[Problem]:
    yield from ()  # reported where the comments are applied


@rule(
    "IGN002",
    Severity.WARNING,
    Provenance.REPOSITORY,
    what="an ignore comment, or a baseline entry (noted), that no longer silences anything",
    why="It would silence the next finding of that rule, which nobody has looked at.",
    source=SPECIFICATION,
    fix="Delete it; write the baseline anew with `--write-baseline`.",
    bad=VALID + "\n<!-- skill-fleet: ignore CON002 quoted from the style guide -->\nStop when a field is read-only.\n",
    good=VALID,
)
def ignore_comments_are_needed(skill: Subject) -> Iterator[Problem]:
    yield from ()  # reported where the comments are applied
