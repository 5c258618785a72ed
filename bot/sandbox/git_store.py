"""One repository's content: a bare git repository driven by git itself (GitPython for reading objects).

Everything is synchronous and takes milliseconds, so an API request is atomic: no other request runs in between.
A git command that fails unexpectedly raises GitError with git's own words; what a caller must expect is a return value.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import git
from git.refs.symbolic import SymbolicReference

from bot.sandbox.git_objects import (
    NULL_SHA,
    CommitData,
    Identity,
    TreeChange,
    TreeEntry,
    decode_tree,
    edit_tree,
    encode_commit,
    write_object,
)

_SHA = re.compile(r"[0-9a-f]{40}")
_ENV = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}

# What GitHub refuses at push time. The environment comes from the transport, which knows who pushes.
_UPDATE_HOOK = """#!/bin/sh
for protected in $SANDBOX_PROTECTED; do
  if [ "$1" = "refs/heads/$protected" ]; then
    echo "error: GH006: Protected branch update failed for $1." >&2
    exit 1
  fi
done
if [ -n "$SANDBOX_NO_WORKFLOWS" ] && [ "$3" != 0000000000000000000000000000000000000000 ]; then
  base=$2
  [ "$base" = 0000000000000000000000000000000000000000 ] && base=$(git rev-parse -q --verify HEAD)
  empty=4b825dc642cb6eb9a060e54bf8d69288fbee4904
  touched=$(git diff --name-only "${base:-$empty}" "$3" -- .github/workflows | head -n 1)
  if [ -n "$touched" ]; then
    echo "refusing to allow a GitHub App to create or update workflow $touched without workflows permission" >&2
    exit 1
  fi
fi
exit 0
"""


class GitError(Exception):
    """git refused a command the sandbox expected to succeed; the text is git's."""


@dataclass(frozen=True)
class FileDiff:
    """One file of a diff; `patch` begins at the first hunk and is None for binary files and pure renames."""

    path: str
    previous: str | None
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None


def _text(value: str | bytes) -> str:
    """GitPython promises text and gives bytes for parts of an object's header."""
    return value.decode() if isinstance(value, bytes) else value


_STATUS = {"A": "added", "D": "removed", "M": "modified", "T": "changed", "R": "renamed", "C": "copied"}


T = TypeVar("T")


class GitStore:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._repo = git.Repo(path)
        self._known: dict[tuple[str, ...], object] = {}  # answers about full ids, which never change

    def _remember(self, what: str, ids: tuple[str, ...], work: Callable[[], T]) -> T:
        if not all(_SHA.fullmatch(each) for each in ids):
            return work()
        key = (what, *ids)
        if key not in self._known:
            self._known[key] = work()
        return cast(T, self._known[key])

    @classmethod
    def init(cls, path: Path, default_branch: str) -> "GitStore":
        path.mkdir(parents=True)
        environment = {**os.environ, **_ENV}
        arguments = ["git", "init", "--quiet", "--bare", "--template=", f"--initial-branch={default_branch}", str(path)]
        subprocess.run(arguments, check=True, env=environment)
        with (path / "config").open("a", encoding="utf-8") as config:
            config.write("[http]\n\treceivepack = true\n[receive]\n\thideRefs = refs/pull\n")
            config.write("[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n[gc]\n\tauto = 0\n")
        hook = path / "hooks" / "update"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(_UPDATE_HOOK, encoding="utf-8")
        hook.chmod(0o755)
        return cls(path)

    def fetch(self, other: "GitStore", ref: str) -> str:
        """Copy what another repository's ref reaches; its commit, which no ref names here yet."""
        self._run("fetch", "--quiet", "--no-tags", str(other.path), ref)
        return self._run("rev-parse", "FETCH_HEAD").strip()

    def close(self) -> None:
        self._repo.close()

    # --- running git -------------------------------------------------------------------------------------------------

    def _try(
        self, *arguments: str, data: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, **_ENV, "GIT_DIR": str(self.path), **(env or {})}
        return subprocess.run(["git", *arguments], input=data, capture_output=True, env=environment, check=False)

    def _run(self, *arguments: str, data: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
        done = self._try(*arguments, data=data, env=env)
        if done.returncode:
            raise GitError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode("utf-8", "replace")

    # --- objects -----------------------------------------------------------------------------------------------------

    def kind(self, sha: str) -> str | None:
        """`blob`, `tree`, `commit` or `tag`; None when there is no such object."""
        header = self._header(sha) if _SHA.fullmatch(sha) else None
        return header[1] if header else None

    def _header(self, expression: str) -> tuple[str, str, int] | None:
        if "\n" in expression or not expression:
            return None
        with suppress(ValueError):
            sha, kind, size = self._repo.git.get_object_header(expression)
            return _text(sha), _text(kind), size
        return None

    def read(self, sha: str) -> bytes:
        return bytes(self._repo.git.get_object_data(sha)[3])

    def _write(self, kind: str, data: bytes) -> str:
        return write_object(self.path / "objects", kind, data)

    def write_blob(self, data: bytes) -> str:
        return self._write("blob", data)

    def at(self, commit: str, path: str) -> TreeEntry | None:
        """What is at a path of a commit or tree; the root is the empty path."""
        header = self._header(f"{commit}^{{tree}}")
        if header is None:
            return None
        mode, sha = "040000", header[0]
        for name in path.strip("/").split("/") if path.strip("/") else ():
            found = decode_tree(self.read(sha)).get(name) if mode == "040000" else None
            if found is None:
                return None
            mode, sha = found
        if mode == "160000":
            return TreeEntry(mode, "commit", sha, None, path)
        header = self._header(sha)
        assert header is not None
        return TreeEntry(mode, header[1], sha, header[2] if header[1] == "blob" else None, path.strip("/"))

    def tree(self, sha: str, recursive: bool) -> list[TreeEntry]:
        flags = ["-r", "-t"] if recursive else []
        return self._parse_tree(self._try("ls-tree", "-z", "-l", "--full-tree", *flags, sha).stdout)

    @staticmethod
    def _parse_tree(raw: bytes) -> list[TreeEntry]:
        entries = []
        for record in raw.decode("utf-8", "replace").split("\0"):
            if record:
                meta, path = record.split("\t", 1)
                mode, kind, sha, size = meta.split()
                entries.append(TreeEntry(mode, kind, sha, None if size == "-" else int(size), path))
        return entries

    def write_tree(self, base: str | None, changes: Sequence[TreeChange]) -> str:
        """A new tree: `base` with `changes` applied in order."""
        return edit_tree(base, changes, self.read, lambda data: self._write("tree", data))

    def write_commit(
        self, tree: str, parents: Sequence[str], message: str, author: Identity, committer: Identity
    ) -> str:
        return self._write("commit", encode_commit(tree, parents, message, author, committer))

    def commit(self, sha: str) -> CommitData:
        return self._remember("commit", (sha,), lambda: CommitData.decode(sha, self.read(sha)))

    # --- refs --------------------------------------------------------------------------------------------------------

    def refs(self) -> dict[str, str]:
        lines = self._run("for-each-ref", "--format=%(objectname) %(refname)").splitlines()
        return {name: sha for sha, _, name in (line.partition(" ") for line in lines)}

    def ref(self, name: str) -> str | None:
        if not name.startswith("refs/"):
            return None
        try:
            return SymbolicReference.dereference_recursive(self._repo, name)
        except (ValueError, OSError):
            return None

    def branch(self, name: str) -> str | None:
        return self.ref(f"refs/heads/{name}")

    def resolve(self, revision: str) -> str | None:
        """The commit a branch, tag or (abbreviated) id names."""
        for candidate in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if candidate == revision and not re.fullmatch(r"[0-9a-f]{4,40}|refs/[^\s~^:?*\[\\]+|HEAD", revision):
                break
            header = self._header(f"{candidate}^{{commit}}")
            if header:
                return header[0]
        return None

    def valid_ref_name(self, name: str) -> bool:
        return self._try("check-ref-format", name).returncode == 0

    def update_ref(self, name: str, new: str, old: str = "") -> None:
        """Set a ref; `old` (an id, NULL_SHA for must-not-exist) makes it compare-and-swap. Raises GitError."""
        self._run("update-ref", name, new, *([old] if old else []))

    def delete_ref(self, name: str) -> None:
        self._run("update-ref", "-d", name)

    # --- history -----------------------------------------------------------------------------------------------------

    def is_ancestor(self, older: str, newer: str) -> bool:
        def ask() -> bool:
            return self._try("merge-base", "--is-ancestor", older, newer).returncode == 0

        return self._remember("is-ancestor", (older, newer), ask)

    def merge_base(self, one: str, other: str) -> str | None:
        def ask() -> str | None:
            return self._try("merge-base", one, other).stdout.decode().strip() or None

        return self._remember("merge-base", (one, other), ask)

    def log(self, include: str, exclude: str | None = None, path: str | None = None) -> list[str]:
        """Commit ids newest first, optionally without those of `exclude`, or only those that touch `path`."""
        arguments = ["rev-list", "--topo-order", include, *([f"^{exclude}"] if exclude else [])]

        def ask() -> list[str]:
            return self._run(*arguments, *(["--", path] if path else [])).split()

        return self._remember("log", (include, exclude or NULL_SHA), ask) if path is None else ask()

    def diff(self, old: str, new: str) -> list[FileDiff]:
        """File changes from one tree-ish to another, renames detected, in path order."""
        return self._remember("diff", (old, new), lambda: self._diff(old, new))

    def _diff(self, old: str, new: str) -> list[FileDiff]:
        raw = self._run("diff-tree", "-r", "-M", "--raw", "--numstat", "--no-abbrev", "-z", old, new).split("\0")
        changes: list[tuple[str, str, str, str | None]] = []
        position = 0
        while position < len(raw) and raw[position].startswith(":"):
            _, _, before, after, status = raw[position].split(" ")
            moved = status[0] in "RC"
            path = raw[position + (2 if moved else 1)]
            previous = raw[position + 1] if moved else None
            changes.append((_STATUS.get(status[0], "changed"), before if status[0] == "D" else after, path, previous))
            position += 3 if moved else 2
        counts: list[tuple[int, int]] = []
        while position < len(raw) and raw[position]:
            added, removed, path = raw[position].split("\t")
            counts.append((0 if added == "-" else int(added), 0 if removed == "-" else int(removed)))
            position += 1 if path else 3
        text = self.patch(old, new) if changes else ""
        sections = re.split(r"^diff --git .*\n", text, flags=re.MULTILINE)[1:]
        result = []
        for (status, sha, path, previous), (more, less), section in zip(changes, counts, sections, strict=True):
            start = re.search(r"^@@ ", section, flags=re.MULTILINE)
            patch = section[start.start() :].rstrip("\n") if start else None
            result.append(FileDiff(path, previous, status, sha, more, less, patch))
        return result

    def patch(self, old: str, new: str) -> str:
        return self._run("diff-tree", "-r", "-M", "-p", "--full-index", old, new)

    def format_patch(self, base: str, head: str) -> str:
        return self._run("format-patch", "--stdout", f"{base}..{head}")

    def merge_tree(self, ours: str, theirs: str) -> str | None:
        """The tree of merging two commits, or None when they conflict."""
        return self._remember("merge-tree", (ours, theirs), lambda: self._merge_tree(ours, theirs))

    def _merge_tree(self, ours: str, theirs: str) -> str | None:
        done = self._try("merge-tree", "--write-tree", "--allow-unrelated-histories", ours, theirs)
        if done.returncode > 1:
            raise GitError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode().split("\n", 1)[0].strip() if done.returncode == 0 else None

    def replay(self, onto: str, base: str, head: str, committer: Identity) -> str | None:
        """Rebase `base..head` onto a commit; the new tip, or None when a commit conflicts."""
        with tempfile.TemporaryDirectory(prefix="rebase-") as folder:
            work = f"{folder}/work"
            self._run("worktree", "add", "--quiet", "--detach", work, head)
            env = {
                "GIT_COMMITTER_NAME": committer.name,
                "GIT_COMMITTER_EMAIL": committer.email,
                "GIT_DIR": f"{work}/.git",
            }
            try:
                done = self._try("-C", work, "rebase", "--quiet", "--onto", onto, base, env=env)
                if done.returncode:
                    return None
                return self._run("-C", work, "rev-parse", "HEAD", env=env).strip()
            finally:
                self._run("worktree", "remove", "--force", work)
