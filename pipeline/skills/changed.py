"""Which skills a change touches, from Git: renames, deletions, shallow clones and merge queues included. Reads only.

Compared is the merge base of the reference and HEAD with what lies in the work tree, untracked files included.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.skills.discovery import enclosing_skill


class UnknownReferenceError(ValueError):
    """The reference cannot be resolved here; the message says what to do."""


def changed_paths(root: Path, reference: str) -> tuple[Path, frozenset[str]]:
    """The repository's root, and the paths (relative to it) that differ from `reference`, old names of renames too.

    Raises UnknownReferenceError, or ValueError when `root` is in no repository.
    """
    import git

    if reference.startswith("-") or not reference.strip():
        raise UnknownReferenceError(f"{reference!r} is not a reference")
    try:
        repository = git.Repo(root, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise ValueError(f"{root} is not in a Git repository") from error
    with repository:
        if repository.working_tree_dir is None:
            raise ValueError(f"{root} is a bare repository")
        top = Path(str(repository.working_tree_dir))
        base = _base(repository, reference)
        listed = repository.git.diff(
            "--name-status",
            "-z",
            "--find-renames",
            "--no-ext-diff",
            "--no-textconv",
            base,
            "--",
            strip_newline_in_stdout=False,
        )
        untracked = repository.git.ls_files("--others", "--exclude-standard", "-z", strip_newline_in_stdout=False)
    paths = set(_name_status(listed)) | {path for path in untracked.split("\0") if path}
    return top, frozenset(paths)


def _base(repository: object, reference: str) -> str:
    """The merge base, or the reference itself when a shallow clone has no common history."""
    import git

    assert isinstance(repository, git.Repo)
    try:
        commit = repository.commit(reference).hexsha
    except (git.BadName, git.GitCommandError, ValueError, IndexError) as error:
        hint = (
            "; the clone is shallow: fetch it (`fetch-depth: 0`)"
            if (Path(repository.git_dir) / "shallow").exists()
            else ""
        )
        raise UnknownReferenceError(f"{reference!r} is not known here{hint}") from error
    try:
        bases = repository.merge_base(commit, "HEAD")
    except git.GitCommandError:
        bases = []
    return bases[0].hexsha if bases and bases[0] is not None else commit


def _name_status(listed: str) -> Iterable[str]:
    """The paths of `git diff --name-status -z`; renames and copies list two."""
    fields = iter(listed.split("\0"))
    for status in fields:
        if not status:
            continue
        yield next(fields, "")
        if status[0] in "RC":
            yield next(fields, "")


def touched_skills(skills: Iterable[str], paths: Iterable[str]) -> tuple[str, ...]:
    """The skills (folders) that hold a changed path. A deleted skill is no skill any more, and is left out."""
    known = frozenset(skills)
    return tuple(sorted({skill for path in paths if (skill := enclosing_skill(path, known)) is not None}))
