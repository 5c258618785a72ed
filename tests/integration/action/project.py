"""A project on a Git server of its own: branches, pull requests with GitHub's merge commit, and checkouts of them."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SKILL = """---
name: {name}
description: "Fills in and checks {name} documents step by step. Use when somebody asks for {name} work."
---

# {name}

1. Read the document and list what is missing.
2. Ask for what is missing, then fill it in.
3. Check the result against the list before handing it over.
"""


def skill(name: str) -> str:
    """A valid SKILL.md."""
    return SKILL.format(name=name)


def broken(name: str) -> str:
    """A SKILL.md that loads and breaks the specification: the name is not the folder's."""
    return SKILL.format(name=name).replace(f"name: {name}", "name: Not_The_Folder")


def git(folder: Path, *words: str) -> str:
    """Runs Git without anybody's configuration and returns what it printed."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
    }
    done = subprocess.run(["git", *words], cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


@dataclass
class PullRequest:
    """A pull request as the server knows it."""

    number: int
    base: str
    head: str
    merge: str

    def event(self, *, fork: bool = False) -> dict[str, object]:
        """The payload of the event, as far as it matters."""
        return {
            "pull_request": {
                "number": self.number,
                "title": "$(touch pwned)",
                "base": {"sha": self.base, "repo": {"full_name": "octo/skills"}},
                "head": {"sha": self.head, "repo": {"full_name": "eve/skills" if fork else "octo/skills"}},
            }
        }


class Project:
    """A repository on a server, with a branch `main`."""

    def __init__(self, folder: Path) -> None:
        self.server = folder / "server.git"
        self._author = folder / "author"
        self.server.mkdir(parents=True)
        git(self.server, "init", "--quiet", "--bare", "--initial-branch=main", ".")
        git(self.server, "config", "uploadpack.allowAnySHA1InWant", "true")
        git(self.server, "config", "uploadpack.allowFilter", "true")
        self._author.mkdir()
        git(self._author, "init", "--quiet", "--initial-branch=main", ".")
        git(self._author, "remote", "add", "origin", self.server.as_uri())
        self._pulls = 0

    def commit(self, files: Mapping[str, str | None], *, branch: str = "main", start: str = "") -> str:
        """Writes files (None deletes) as one commit on a branch, made at `start` when that is given."""
        if start:
            git(self._author, "checkout", "--quiet", "-B", branch, start)
        elif git(self._author, "branch", "--list", branch):
            git(self._author, "checkout", "--quiet", branch)
        for path, content in files.items():
            target = self._author / path
            if content is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_symlink():
                target.unlink()
            if content.startswith("-> "):
                target.symlink_to(content.removeprefix("-> "))
            else:
                target.write_text(content)
        git(self._author, "add", "--all", "--force", ".")
        git(self._author, "commit", "--quiet", "--allow-empty", "-m", f"change {len(files)} files")
        git(self._author, "push", "--quiet", "--force", "origin", branch)
        return git(self._author, "rev-parse", "HEAD")

    def pull_request(self, branch: str) -> PullRequest:
        """Opens a pull request from a branch to main; the server makes the merge commit as GitHub does."""
        self._pulls += 1
        base, head = (git(self._author, "rev-parse", name) for name in ("main", branch))
        git(self._author, "checkout", "--quiet", "--detach", "main")
        git(self._author, "merge", "--quiet", "--no-ff", "-m", f"Merge {head} into {base}", branch)
        merge = git(self._author, "rev-parse", "HEAD")
        git(self._author, "push", "--quiet", "origin", f"{merge}:refs/pull/{self._pulls}/merge")
        git(self._author, "push", "--quiet", "origin", f"{head}:refs/pull/{self._pulls}/head")
        return PullRequest(self._pulls, base, head, merge)

    def checkout(self, folder: Path, commit: str, *, depth: int = 1) -> Path:
        """What actions/checkout leaves: a detached commit, `depth` commits deep (0 is all of them)."""
        folder.mkdir(parents=True)
        git(folder, "init", "--quiet", ".")
        git(folder, "remote", "add", "origin", self.server.as_uri())
        how = [f"--depth={depth}"] if depth else ["+refs/heads/*:refs/remotes/origin/*"]
        git(
            folder,
            "fetch",
            "--quiet",
            "--no-tags",
            *how[:1] if depth else [],
            "origin",
            commit,
            *([] if depth else how),
        )
        git(folder, "checkout", "--quiet", "--detach", commit)
        return folder
