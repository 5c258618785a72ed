"""Which skills to check: all below the paths, or those among them that changed. Pure but for reading the tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.skills.action.changes import Changed, Changes, Everything
from pipeline.skills.changed import touched_skills
from pipeline.skills.discovery import find_skills
from pipeline.skills.document import SKILL_FILE
from pipeline.skills.files import FileTree
from pipeline.skills.findings import Finding


class NothingToCheckError(Exception):
    """A path holds no skill; the message names it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The skill folders to check out of `found`, and those that are no more. `note` says how they were chosen."""

    found: tuple[str, ...]
    chosen: tuple[str, ...]
    removed: tuple[str, ...] = ()
    note: str = ""


def select_all(tree: FileTree, paths: Sequence[str], note: str = "") -> Selection:
    """Every skill below the paths. Raises NothingToCheckError when a path holds none."""
    found = _below(tree, paths)
    for path in paths:
        if not any(_is_below(skill, path) for skill in found):
            raise NothingToCheckError(
                f"There is no SKILL.md in {path or 'the workspace'}. "
                "Check the repository out before this step, and let the input path name a folder that holds skills."
            )
    return Selection(found=found, chosen=found, note=note)


def select_changed(tree: FileTree, paths: Sequence[str], changes: Changes) -> Selection:
    """The skills below the paths that hold a changed file; a path that holds none any more is no mistake here."""
    if isinstance(changes, Everything):
        return select_all(tree, paths, f"{changes.reason[0].upper()}{changes.reason[1:]}.")
    found = _below(tree, paths)
    chosen = touched_skills(found, changes.paths)
    removed = tuple(sorted(_removed(tree, paths, changes)))
    note = f"Compared with {changes.base[:12]}: {len(chosen)} of {len(found)} skills changed." if changes.base else ""
    return Selection(found=found, chosen=chosen, removed=removed, note=note)


def concerns_change(finding: Finding, selection: Selection, changes: Changes) -> bool:
    """Whether a finding about the repository as a whole has to do with the change."""
    if isinstance(changes, Everything):
        return True
    return bool(selection.removed) or finding.file in changes.paths or _adds_skill(selection, changes)


def _adds_skill(selection: Selection, changes: Changed) -> bool:
    changed = set(changes.paths)
    return any(f"{skill}/{SKILL_FILE}".removeprefix("/") in changed for skill in selection.chosen)


def _below(tree: FileTree, paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({skill for path in paths for skill in find_skills(tree, path)}))


def _is_below(skill: str, path: str) -> bool:
    return not path or skill == path or skill.startswith(f"{path}/")


def _removed(tree: FileTree, paths: Sequence[str], changes: Changed) -> Iterable[str]:
    for path in changes.gone:
        folder, _, name = path.rpartition("/")
        if name == SKILL_FILE and not tree.exists(path) and any(_is_below(folder, below) for below in paths):
            yield folder or "."
