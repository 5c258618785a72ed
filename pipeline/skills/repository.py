"""A repository seen from its skills: what repository rules and the taxonomy look at. Built from a tree, pure
afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.skills.files import FileTree
from pipeline.skills.findings import WHOLE_FILE, Span


@dataclass(frozen=True, slots=True)
class SkillSummary:
    """What the rest of a repository needs to know of a skill. `path` is its folder; spans are where the values
    stand.
    """

    path: str
    name: str
    description: str
    skill_file: str = "SKILL.md"
    name_span: Span = WHOLE_FILE
    description_span: Span = WHOLE_FILE
    digest: str = ""
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Repository:
    """A tree and its skills. `subjects` are the folders under validation; the others are there to be compared with.

    `is_whole` says that the tree is a whole repository, so that its layout can be judged.
    """

    tree: FileTree
    skills: Sequence[SkillSummary]
    subjects: frozenset[str]
    is_whole: bool = False
