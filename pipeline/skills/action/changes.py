"""Which files an event changed, asked of Git through GitPython.

Compares trees, so that a shallow clone is enough: the one commit to compare with is fetched when it is missing. When
the answer cannot be had this raises; it never guesses. Git runs with hooks off, without prompting and with the
repository named outright, so that nothing in the checkout can make it run a program.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from git import GitCommandError, InvalidGitRepositoryError, NoSuchPathError, Repo

from pipeline.skills.action.event import Event, MergeGroup, OtherEvent, PullRequest, Push

GIT_SECONDS = 300
_DEEPEN = ("--deepen=32", "--deepen=256", "--deepen=2048", "--unshallow")


class ChangesError(Exception):
    """Git cannot say what changed; the message says why and what to set in the workflow."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The files that differ from `base`, relative to the workspace. `gone` are those that are there no more."""

    base: str
    paths: tuple[str, ...]
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Everything:
    """There is nothing to compare with, so that everything counts as changed; `reason` says why."""

    reason: str


Changes: TypeAlias = Changed | Everything


def find_changes(workspace: Path, event: Event, environ: Mapping[str, str]) -> Changes:
    """The files the event changed in the checkout at `workspace`. Raises ChangesError."""
    if isinstance(event, OtherEvent):
        return Everything(f"a {event.name} event compares nothing, so every skill was checked")
    if isinstance(event, Push) and event.after is None:
        return Changed(base="", paths=())
    with _open(workspace, environ) as repository:
        checkout = _Checkout(repository, environ)
        base = checkout.base_of(event)
        return base if isinstance(base, Everything) else checkout.changed_since(base)


def _open(workspace: Path, environ: Mapping[str, str]) -> Repo:
    try:
        repository = Repo(workspace)
    except (InvalidGitRepositoryError, NoSuchPathError) as error:
        raise ChangesError(
            "changed-only needs the Git repository, and the workspace holds none. "
            "Check it out with actions/checkout, without a path of its own."
        ) from error
    if repository.bare or os.path.realpath(repository.working_dir) != os.path.realpath(workspace):
        raise ChangesError("changed-only needs the Git repository to be checked out at the workspace itself.")
    repository.git.update_environment(**git_environment(repository.git_dir, str(workspace), environ))
    return repository


def git_environment(git_dir: str | os.PathLike[str], workspace: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment Git runs in. Settings given here outrank those of the repository, and never show in a log."""
    settings = [
        ("safe.directory", workspace),
        ("core.hooksPath", os.devnull),
        ("core.fsmonitor", "false"),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        ("fetch.recurseSubmodules", "false"),
        ("protocol.ext.allow", "never"),
    ]
    server, token = environ.get("GITHUB_SERVER_URL", ""), environ.get("INPUT_TOKEN", "")
    if server.startswith(("https://", "http://")) and token:
        # The empty value drops the header that actions/checkout may have stored: two of them are refused by GitHub.
        header = f"http.{server.rstrip('/')}/.extraheader"
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        settings += [(header, ""), (header, f"AUTHORIZATION: basic {basic}")]
    start = int(environ.get("GIT_CONFIG_COUNT") or "0")
    variables = {
        "GIT_DIR": os.fspath(git_dir),
        "GIT_WORK_TREE": workspace,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(start + len(settings)),
        "LC_ALL": "C",
    }
    for index, (key, value) in enumerate(settings, start=start):
        variables[f"GIT_CONFIG_KEY_{index}"] = key
        variables[f"GIT_CONFIG_VALUE_{index}"] = value
    return variables


class _Checkout:
    """Questions to the repository at HEAD."""

    def __init__(self, repository: Repo, environ: Mapping[str, str]) -> None:
        self._git = repository.git
        self._repository = repository
        self._checked_out = environ.get("GITHUB_SHA", "")
        try:
            self.head: str = self._git.rev_parse("--verify", "--end-of-options", "HEAD^{commit}")
        except GitCommandError as error:
            raise ChangesError("The checkout has no commit that Git can read as HEAD.") from error

    def base_of(self, event: Event) -> str | Everything:
        """The commit to compare HEAD with."""
        if isinstance(event, PullRequest):
            return self._pull_request_base(event)
        if isinstance(event, MergeGroup):
            self._need(event.base)
            return event.base
        if isinstance(event, Push):
            return self._push_base(event)
        raise AssertionError(event)

    def _pull_request_base(self, event: PullRequest) -> str:
        parents = self._parents()
        if len(parents) == 2 and (parents[1] == event.head or self.head == self._checked_out):
            self._need(parents[0])  # the merge commit GitHub made: what it adds to the base branch is the pull request
            return parents[0]
        self._need(event.base)
        base = self._merge_base(event.base)
        if event.trusted_checkout and base == self.head:
            raise ChangesError(
                "The checkout is the base branch and holds nothing of the pull request, as pull_request_target has it. "
                "Run this workflow on pull_request."
            )
        return base

    def _push_base(self, event: Push) -> str | Everything:
        if event.before is not None:
            if self._has(event.before) or self._fetch("--depth=1", event.before):
                return event.before
            return Everything(
                f"the commit before this push, {event.before[:12]}, is gone (a forced push), so every skill was checked"
            )
        if not event.ref.startswith("refs/heads/") or event.ref == f"refs/heads/{event.default_branch}":
            return Everything("nothing came before this push, so every skill was checked")
        tip = self._remote_tip(f"refs/heads/{event.default_branch}")
        self._need(tip)
        return self._merge_base(tip)

    def changed_since(self, base: str) -> Changed:
        """The files that differ between two trees; a rename is a file gone and a file new."""
        try:
            raw: bytes = self._git.diff_tree(
                "-r", "-z", "--no-renames", "--name-status", base, self.head, stdout_as_string=False
            )
        except GitCommandError as error:
            raise ChangesError(f"Git could not compare {base[:12]} with HEAD: {_said(error)}") from error
        words = [os.fsdecode(word) for word in raw.split(b"\0") if word]
        pairs = list(zip(words[::2], words[1::2], strict=True))
        return Changed(
            base=base,
            paths=tuple(path for _, path in pairs),
            gone=tuple(path for status, path in pairs if status == "D"),
        )

    def _parents(self) -> list[str]:
        """The parents as HEAD names them, also those beyond the edge of a shallow clone."""
        headers = self._git.cat_file("commit", self.head).partition("\n\n")[0].splitlines()
        return [line.removeprefix("parent ") for line in headers if line.startswith("parent ")]

    def _has(self, commit: str) -> bool:
        try:
            self._git.cat_file("-e", f"{commit}^{{commit}}", env={"GIT_NO_LAZY_FETCH": "1"})
        except GitCommandError:
            return False
        return True

    def _need(self, commit: str) -> None:
        if not self._has(commit) and not self._fetch("--depth=1", commit):
            raise ChangesError(
                f"The commit to compare with, {commit[:12]}, is not in this clone and could not be fetched: "
                f"{self._refusal}. Set fetch-depth: 0 on actions/checkout."
            )

    def _merge_base(self, other: str) -> str:
        for depth in ("", *_DEEPEN):
            if depth and not self._deepen(depth, other):
                break
            found = str(self._git.merge_base(other, self.head, with_exceptions=False)).split()
            if found:
                return found[0]
        raise ChangesError(
            f"HEAD and {other[:12]} have no common ancestor in this clone. Set fetch-depth: 0 on actions/checkout."
        )

    def _deepen(self, depth: str, other: str) -> bool:
        return self._git.rev_parse("--is-shallow-repository") == "true" and self._fetch(depth, other, self.head)

    def _remote(self) -> str:
        names = [remote.name for remote in self._repository.remotes]
        if not names:
            raise ChangesError("The clone has no remote to fetch from. Set fetch-depth: 0 on actions/checkout.")
        return "origin" if "origin" in names else names[0]

    def _remote_tip(self, ref: str) -> str:
        try:
            lines = str(self._git.ls_remote("--end-of-options", self._remote(), ref))
        except GitCommandError as error:
            raise ChangesError(f"The default branch could not be asked for: {_said(error)}.") from error
        if not lines:
            raise ChangesError(f"The remote has no {ref}.")
        return lines.split()[0]

    _refusal = "the remote refused"

    def _fetch(self, depth: str, *commits: str) -> bool:
        try:
            self._git.fetch(
                "--no-tags", "--no-write-fetch-head", depth, self._remote(), *commits, kill_after_timeout=GIT_SECONDS
            )
        except GitCommandError as error:
            self._refusal = _said(error)
            return False
        return True


def _said(error: GitCommandError) -> str:
    """Git's last words on one line; GitPython wraps them in its own."""
    text = str(error.stderr).strip().removeprefix("stderr:").strip().strip("'")
    return " ".join((text.splitlines() or ["no reason given"])[-1].split())[:300]
