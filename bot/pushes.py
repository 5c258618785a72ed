"""A push in brief: of a payload of any length only where it happened and the changed paths are kept. Pure."""

import json

from pydantic import Field, ValidationError

from bot.jobs.payloads import Installation, Part, Repository
from bot.subjects import SubjectError

MOST_COMMITS = 2048
"""GitHub lists no more of a push: https://docs.github.com/webhooks/webhook-events-and-payloads#push"""
MOST_PATHS = 1_000
LARGEST = 256 * 1024
"""Bytes; of a larger push the commits are not read, which would keep everybody else waiting."""


class _Commit(Part):
    added: list[str] = Field(default_factory=list)
    modified: list[str] = Field(default_factory=list)
    removed: list[str] = Field(default_factory=list)


class _Place(Part):
    repository: Repository
    installation: Installation | None = None

    @property
    def paths(self) -> list[str] | None:
        """All paths that its commits touch; None where GitHub does not tell, or too many."""
        return None


class _Push(_Place):
    forced: bool = False
    commits: list[_Commit] = Field(default_factory=list)

    @property
    def paths(self) -> list[str] | None:
        if self.forced or not 0 < len(self.commits) < MOST_COMMITS:
            return None
        found = {path for each in self.commits for path in (*each.added, *each.modified, *each.removed)}
        return sorted(found) if len(found) <= MOST_PATHS else None


def brief(body: bytes) -> bytes:
    """What is stored of a push. Raises SubjectError when it lacks what names its repository."""
    try:
        push = (_Push if len(body) <= LARGEST else _Place).model_validate_json(body)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_input=False, include_url=False)[0]["loc"]))
        raise SubjectError(f"{where} is missing or malformed") from None
    kept = push.model_dump(mode="json", include={"repository", "installation"}, exclude_none=True)
    return json.dumps({**kept, "pushed": {"paths": push.paths}}, ensure_ascii=False).encode()
