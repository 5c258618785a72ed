"""Changes small enough to be applied by one click: what GitHub calls a suggestion, at the lines it replaces. Pure.

A suggestion stands at lines that the pull request shows on its right side, and replaces exactly those. What cannot be
said that way (lines that are not shown, line endings, invisible characters) is None, never an approximation.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True)
class Replacement:
    """Lines `first` to `last` (from 1, both included) become `lines`."""

    first: int
    last: int
    lines: tuple[str, ...]


def replacements(before: str, after: str) -> list[Replacement] | None:
    """What makes `after` of `before`, top to bottom; None when lines alone cannot say it. An insertion takes the line
    above (or below, at the top) along, since a suggestion replaces at least one line."""
    if "\r" in before or "\r" in after or before.endswith("\n") is not after.endswith("\n"):
        return None
    old, new = before.splitlines(), after.splitlines()
    if before != after and "\n".join(old) == "\n".join(new):
        return None
    found: list[Replacement] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if i1 < i2:
            found.append(Replacement(i1 + 1, i2, tuple(new[j1:j2])))
        elif not old:
            return None
        elif i1 == 0:
            found.append(Replacement(1, 1, (*new[j1:j2], old[0])))
        elif found and found[-1].last == i1:  # the line above was taken along already
            found[-1] = replace(found[-1], lines=(*found[-1].lines, *new[j1:j2]))
        else:
            found.append(Replacement(i1, i1, (old[i1 - 1], *new[j1:j2])))
    return found


def shown(patch: str) -> list[range]:
    """The line numbers on the right side of each hunk of a file's diff."""
    return [
        range(int(match[1]), int(match[1]) + int(match[2] if match[2] is not None else 1))
        for match in _HUNK.finditer(patch)
    ]


def fits(change: Replacement, hunks: Sequence[range]) -> bool:
    """Does it stand within one hunk?"""
    return any(change.first in hunk and change.last in hunk for hunk in hunks)


def at(anchor: range, before: str, changes: Sequence[Replacement]) -> tuple[str, ...] | None:
    """What the lines of `anchor` become under `changes`; None when one of them reaches beyond it."""
    if any(change.first not in anchor or change.last not in anchor for change in changes):
        return None
    lines = before.splitlines()
    written: list[str] = []
    position = anchor.start
    for change in sorted(changes, key=lambda change: change.first):
        written += [*lines[position - 1 : change.first - 1], *change.lines]
        position = change.last + 1
    return (*written, *lines[position - 1 : anchor.stop - 1])
