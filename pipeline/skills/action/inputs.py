"""The Action's inputs, from the environment variables the composite sets. Anything unusable is an InputError that says
which input, what it was and what is allowed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

from pipeline.skills.rules.registry import Profile


class InputError(Exception):
    """An input cannot be used; the message is for the author of the workflow."""


_Choice = TypeVar("_Choice", bound=Enum)


class FailOn(Enum):
    """From which severity on the step fails."""

    ERROR = "error"
    WARNING = "warning"
    NEVER = "never"


class Scope(Enum):
    """Which skills are checked."""

    ALL = "all"
    CHANGED = "changed"


class Comment(Enum):
    """Whether a comment on the pull request is kept up to date."""

    OFF = "off"
    STICKY = "sticky"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the workflow asked for. `paths` are relative to `workspace` in POSIX form, "" being all of it; so is
    `baseline`, "" being none. `profile` and `fail_on` are None where the repository's settings decide.
    """

    workspace: Path
    paths: tuple[str, ...]
    profile: Profile | None
    fail_on: FailOn | None
    scope: Scope
    baseline: str
    sarif_file: Path | None
    comment: Comment


def read_inputs(environ: Mapping[str, str]) -> Inputs:
    """Reads and checks every input. Raises InputError."""
    workspace = environ.get("GITHUB_WORKSPACE", "")
    if not workspace or not os.path.isdir(workspace):
        raise InputError("GITHUB_WORKSPACE is not a folder: check the repository out before this step.")
    root = Path(os.path.realpath(workspace))
    return Inputs(
        workspace=root,
        paths=_paths(environ.get("INPUT_PATH", ""), root),
        profile=_choice(environ, "profile", Profile),
        fail_on=_choice(environ, "fail-on", FailOn),
        scope=Scope.CHANGED if _switch(environ, "changed-only") else Scope.ALL,
        baseline=_file_to_read(environ, "baseline", root),
        sarif_file=_file_to_write(environ, "sarif-file", root),
        comment=Comment.STICKY if _switch(environ, "comment") else Comment.OFF,
    )


def _value(environ: Mapping[str, str], name: str) -> str:
    return environ.get(f"INPUT_{name.replace('-', '_').upper()}", "").strip()


def _choice(environ: Mapping[str, str], name: str, choices: type[_Choice]) -> _Choice | None:
    value = _value(environ, name)
    if not value:
        return None
    try:
        return choices(value)
    except ValueError:
        allowed = [str(choice.value) for choice in choices]
        raise InputError(
            f"The input {name} is {value!r}; it can be {', '.join(allowed[:-1])} or {allowed[-1]}."
        ) from None


def _switch(environ: Mapping[str, str], name: str) -> bool:
    value = _value(environ, name).lower() or "false"
    if value not in ("true", "false"):
        raise InputError(f"The input {name} is {value!r}; it can be true or false.")
    return value == "true"


def _paths(text: str, root: Path) -> tuple[str, ...]:
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["."]
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["."]
    paths = [_below(line, "path", root) for line in lines]
    return tuple(dict.fromkeys(os.path.dirname(path) if (root / path).is_file() else path for path in paths))


def _below(value: str, name: str, root: Path) -> str:
    """The path relative to the workspace; links that lead out of it are refused like `..` is."""
    if "\0" in value:
        raise InputError(f"The input {name} holds a NUL character.")
    real = os.path.realpath(root / value)
    if real != str(root) and not real.startswith(str(root).rstrip(os.sep) + os.sep):
        raise InputError(f"The input {name} is {value!r}, which leads out of the workspace. Name a path inside it.")
    relative = os.path.normpath(os.path.relpath(os.path.abspath(root / value), root)).replace(os.sep, "/")
    if relative.startswith("../"):
        raise InputError(f"The input {name} is {value!r}, which leads out of the workspace. Name a path inside it.")
    return "" if relative == "." else relative


def _file_to_read(environ: Mapping[str, str], name: str, root: Path) -> str:
    value = _value(environ, name)
    if not value:
        return ""
    path = _below(value, name, root)
    if not (root / path).is_file():
        raise InputError(f"The input {name} names {value!r}, and there is no such file in the checkout.")
    return path


def _file_to_write(environ: Mapping[str, str], name: str, root: Path) -> Path | None:
    """A file whose folder, with links resolved, lies in the workspace or the runner's temporary folder."""
    value = _value(environ, name)
    if not value:
        return None
    if "\0" in value:
        raise InputError(f"The input {name} holds a NUL character.")
    folder, base = os.path.split(os.path.join(str(root), value))
    real = os.path.realpath(folder)
    allowed = [str(root), *filter(None, [os.path.realpath(environ["RUNNER_TEMP"]) if "RUNNER_TEMP" in environ else ""])]
    inside = any(real == place or real.startswith(place.rstrip(os.sep) + os.sep) for place in allowed)
    if base in ("", ".", "..") or not inside or ".git" in Path(real).parts:
        raise InputError(f"The input {name} is {value!r}; name a file inside the workspace or RUNNER_TEMP.")
    path = Path(real) / base
    if path.is_dir() and not path.is_symlink():
        raise InputError(f"The input {name} is {value!r}, which is a folder.")
    return path
