"""A local git repository of skills: what it holds, and a branch with a new one. The working tree is never touched."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import git
from git.objects import Blob
from git.objects.base import IndexObject
from gitdb.base import IStream
from gitdb.exc import ODBError

from pipeline.models import SkillDraft
from pipeline.skills.taxonomy import MARKETPLACE, PLUGIN, Taxonomy

MAX_FILE = 1_000_000


class LocalRepositoryError(Exception):
    """The repository cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Committed:
    branch: str
    sha: str


class LocalRepository:
    """A checkout on this machine."""

    def __init__(self, path: Path) -> None:
        try:
            self._repo = git.Repo(path, search_parent_directories=True)
        except (git.InvalidGitRepositoryError, git.NoSuchPathError):
            raise LocalRepositoryError(f"{path} is not in a git repository; run `git init` there first.") from None
        if self._repo.bare:
            raise LocalRepositoryError(f"{path} is a bare repository; give one with a working tree.")

    def taxonomy(self) -> Taxonomy:
        """The skills of the last commit; none before the first."""
        if not self._repo.head.is_valid():
            return Taxonomy()
        blobs = [item for item in self._repo.head.commit.tree.traverse() if isinstance(item, Blob)]
        paths = [str(blob.path) for blob in blobs]
        skills = {str(b.path): _text(b) for b in blobs if str(b.path).rpartition("/")[2] == "SKILL.md"}
        manifests = {str(b.path): _text(b) for b in blobs if str(b.path).endswith((MARKETPLACE, PLUGIN))}
        return Taxonomy.build(skills, paths=paths, manifests=manifests)

    def uncommitted_skills(self) -> list[str]:
        """The SKILL.md files that differ from the last commit: nothing here sees them."""
        shown = self._repo.git.status("--porcelain", "-z", "--untracked-files=all", "--", ":(top,glob)**/SKILL.md")
        return sorted(entry[3:] for entry in shown.split("\0") if entry[2:3] == " ")

    async def skill_files(self, path: str) -> dict[str, str] | None:
        """See `pipeline.runtime.SkillFiles`; as of the last commit."""
        tree = self._repo.head.commit.tree / path if path else self._repo.head.commit.tree
        found: dict[str, str] = {}
        for item in tree.traverse():
            if not isinstance(item, Blob):
                continue
            try:
                data: bytes = item.data_stream.read()
                found[str(item.path)[len(path) :].lstrip("/")] = data.decode()
            except UnicodeDecodeError:
                return None
        return found

    def commit(self, draft: SkillDraft, message: str) -> Committed:
        """A new branch `skill/<name>` (numbered when taken) on the last commit, holding the draft.

        Raises LocalRepositoryError when it cannot be written.
        """
        try:
            return self._commit(draft, message)
        except (OSError, git.GitError, ODBError) as error:
            raise LocalRepositoryError(f"The branch could not be written to {self._repo.git_dir}: {error}") from None

    def _commit(self, draft: SkillDraft, message: str) -> Committed:
        index = (
            git.IndexFile.from_tree(self._repo, self._repo.head.commit) if self._repo.head.is_valid() else self._empty()
        )
        index.add([self._blob(path, text) for path, text in _paths(draft).items()], write=False)
        parents = [self._repo.head.commit] if self._repo.head.is_valid() else []
        commit = git.Commit.create_from_tree(self._repo, index.write_tree(), message, parent_commits=parents)
        branch = self._free_branch(f"skill/{draft.name}")
        self._repo.create_head(branch, commit)
        return Committed(branch, commit.hexsha)

    def _empty(self) -> git.IndexFile:
        return git.IndexFile(self._repo, file_path=str(Path(self._repo.git_dir) / "skill-fleet-index"))

    def _blob(self, path: str, text: str) -> IndexObject:
        data = text.encode()
        stored = self._repo.odb.store(IStream("blob", len(data), io.BytesIO(data)))
        mode = 0o100755 if "/scripts/" in path else 0o100644
        return git.Blob(self._repo, stored.binsha, mode, path)

    def _free_branch(self, wished: str) -> str:
        taken = {head.name for head in self._repo.heads}
        if wished.partition("/")[0] in taken:  # a branch cannot be a folder, too
            wished = wished.replace("/", "-")
        number = 1
        branch = wished
        while branch in taken or any(name.startswith(f"{branch}/") for name in taken):
            number += 1
            branch = f"{wished}-{number}"
        return branch


def _paths(draft: SkillDraft) -> Mapping[str, str]:
    return {f"{draft.path}/{path}": text for path, text in draft.files.items()}


def _text(blob: Blob) -> str:
    if blob.size > MAX_FILE:
        return ""
    data: bytes = blob.data_stream.read()
    return data.decode("utf-8", "replace")
