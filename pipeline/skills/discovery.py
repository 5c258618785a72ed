"""Finds the skills in a tree of files. Links are not followed, version-control and dependency folders are skipped."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from pipeline.skills.document import SKILL_FILE
from pipeline.skills.files import Entry, EntryKind, FileTree, TooBigError

IGNORED_FOLDERS = frozenset({"node_modules", "__pycache__", ".venv", "venv", ".tox", "site-packages"})


def find_skills(tree: FileTree, under: str = "") -> tuple[str, ...]:
    """The folders below `under` that are skills, sorted. A misspelt `skill.md` counts when it carries frontmatter."""
    return skills_among(tree, tree.walk(under))


def skills_among(tree: FileTree, entries: Iterable[Entry]) -> tuple[str, ...]:
    """The folders of those entries that are, or were meant as, SKILL.md."""
    found: set[str] = set()
    for entry in entries:
        folder, _, name = entry.path.rpartition("/")
        if name.lower() != "skill.md" or IGNORED_FOLDERS & set(folder.split("/")):
            continue
        if name == SKILL_FILE or (entry.kind is EntryKind.FILE and _has_frontmatter(tree, entry.path)):
            found.add(folder)
    return tuple(sorted(found))


def _has_frontmatter(tree: FileTree, path: str) -> bool:
    try:
        head = tree.read(path)[:4096]
    except (OSError, TooBigError):
        return False
    return head.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"---") and b"\nname:" in head


def enclosing_skill(path: str, skills: Iterable[str]) -> str | None:
    """The innermost skill folder that holds `path`, or None."""
    known = skills if isinstance(skills, frozenset) else frozenset(skills)
    folder = posixpath.dirname(path)
    while True:
        if folder in known:
            return folder
        if not folder:
            return None
        folder = posixpath.dirname(folder)
