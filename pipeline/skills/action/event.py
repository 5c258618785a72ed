"""The event that started the workflow, as far as `changed-only` and the comment need it.

The payload is GitHub's, but branch names and titles in it are other people's: only hashes, numbers and names in the
form GitHub allows get through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
NO_COMMIT = "0" * 40


class EventError(Exception):
    """The event file is missing or not what GitHub writes; the message says what."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """`pull_request` and its relatives. `trusted_checkout` is the base branch's own (`pull_request_target`)."""

    number: int
    base: str
    head: str
    from_fork: bool
    trusted_checkout: bool = False


@dataclass(frozen=True, slots=True)
class Push:
    """`push`: the branch went from `before` (None when it is new) to `after` (None when it was deleted)."""

    ref: str
    before: str | None
    after: str | None
    default_branch: str


@dataclass(frozen=True, slots=True)
class MergeGroup:
    """`merge_group`: what the queue would merge, on top of `base`."""

    base: str


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """An event that compares nothing, such as a schedule."""

    name: str


Event: TypeAlias = PullRequest | Push | MergeGroup | OtherEvent


def read_event(environ: Mapping[str, str]) -> Event:
    """The event of this run. Raises EventError when the payload lacks what its kind always has."""
    name = environ.get("GITHUB_EVENT_NAME", "")
    if name not in ("pull_request", "pull_request_target", "push", "merge_group"):
        return OtherEvent(name or "unknown")
    payload = _Object(_load(environ.get("GITHUB_EVENT_PATH", "")), name)
    if name == "push":
        before, after = payload.hash("before"), payload.hash("after")
        return Push(
            ref=payload.text("ref"),
            before=None if set(before) == {"0"} else before,
            after=None if set(after) == {"0"} else after,
            default_branch=payload.object("repository").text("default_branch"),
        )
    if name == "merge_group":
        return MergeGroup(payload.object("merge_group").hash("base_sha"))
    pull = payload.object("pull_request")
    base, head = pull.object("base"), pull.object("head")
    head_repository = head.optional_object("repo")
    return PullRequest(
        number=pull.number("number"),
        base=base.hash("sha"),
        head=head.hash("sha"),
        from_fork=head_repository is None or head_repository.text("full_name") != base.object("repo").text("full_name"),
        trusted_checkout=name == "pull_request_target",
    )


def _load(path: str) -> object:
    if not path:
        raise EventError("GITHUB_EVENT_PATH is not set: this runs inside GitHub Actions.")
    try:
        return json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise EventError(f"The event file {path} cannot be read: {error}") from error


class _Object:
    """A JSON object whose members are asked for by type; a wrong one is an EventError naming the path."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise EventError(f"The event has no {path} object.")
        self._value: dict[str, object] = value
        self._path = path

    def object(self, name: str) -> _Object:
        return _Object(self._value.get(name), f"{self._path}.{name}")

    def optional_object(self, name: str) -> _Object | None:
        return None if self._value.get(name) is None else self.object(name)

    def text(self, name: str) -> str:
        value = self._value.get(name)
        if not isinstance(value, str):
            raise EventError(f"The event has no text {self._path}.{name}.")
        return value

    def hash(self, name: str) -> str:
        value = self.text(name)
        if not _HASH.fullmatch(value):
            raise EventError(f"{self._path}.{name} of the event is not a commit hash.")
        return value

    def number(self, name: str) -> int:
        value = self._value.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise EventError(f"The event has no number {self._path}.{name}.")
        return value
