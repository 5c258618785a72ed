"""Applies the edits findings carry: minimal, never overlapping, files replaced atomically, until none is left."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.skills.findings import Edit, Finding

MAX_PASSES = 5
"""One repair can uncover another (a removed byte order mark lets the fields be read)."""


def fixed_text(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits applied; of two that overlap, the one that begins first."""
    result: list[str] = []
    position = 0
    for edit in sorted(set(edits), key=lambda e: (e.start, e.end)):
        if edit.start < position or edit.end > len(text):
            continue
        result.append(text[position : edit.start])
        result.append(edit.text)
        position = edit.end
    result.append(text[position:])
    return "".join(result)


def fixed_files(files: Mapping[str, bytes], findings: Iterable[Finding]) -> dict[str, bytes]:
    """The files that change, by path, with their new bytes. Raises KeyError for a finding about an unknown file."""
    edits: dict[str, list[Edit]] = {}
    for finding in findings:
        if finding.edits:
            edits.setdefault(finding.file, []).extend(finding.edits)
    changed: dict[str, bytes] = {}
    for path, wanted in edits.items():
        before = files[path]
        after = fixed_text(before.decode("utf-8"), wanted).encode("utf-8")
        if after != before:
            changed[path] = after
    return changed


def fix_on_disk(root: Path, findings: Iterable[Finding]) -> int:
    """Repairs files below `root`; returns how many changed. Raises OSError when one cannot be written."""
    wanted = [finding for finding in findings if finding.edits]
    files = {path: (root / path).read_bytes() for path in {finding.file for finding in wanted}}
    changed = fixed_files(files, wanted)
    for path, data in changed.items():
        _replace(root / path, data)
    return len(changed)


def _replace(path: Path, data: bytes) -> None:
    """Writes beside the file and renames over it, so that a crash leaves the old file or the new one."""
    target = path.resolve()
    mode = target.stat().st_mode & 0o777
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
