"""The comment on the pull request, posted once and edited in place from then on.

Never in the way: whatever GitHub answers, the result is an `Outcome` with a sentence for the log. A comment counts as
ours only when its author is who the token belongs to, so that nobody can plant one for us to edit.
"""

from __future__ import annotations

import hashlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO

from pipeline.skills.action.commands import limited

LIMIT = 60_000
"""Bytes; GitHub refuses a comment above 65,536 characters."""

_PAGES = 30
_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the comment; `problem` when it could not be kept up to date."""

    message: str
    problem: bool = False


@dataclass(frozen=True, slots=True)
class _Comment:
    id: int
    body: str


class _RefusedError(Exception):
    """GitHub said no, or could not be reached. `status` is 0 for the latter."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def marker(environ: Mapping[str, str], paths: tuple[str, ...]) -> str:
    """The hidden line by which this use of the Action knows its comment; another job or path has another one."""
    parts = (environ.get("GITHUB_WORKFLOW", ""), environ.get("GITHUB_JOB", ""), *paths)
    return f"<!-- skill-fleet-action:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]} -->"


def keep_comment(
    environ: Mapping[str, str], number: int, mark: str, markdown: str, *, worth_posting: bool, from_fork: bool
) -> Outcome:
    """Posts the comment, or edits the one there is. With nothing worth posting, only an existing one is edited."""
    try:
        return _keep(_Api(environ), number, mark, markdown, worth_posting)
    except _RefusedError as refused:
        return Outcome(_explained(refused, from_fork), problem=True)


def _keep(api: _Api, number: int, mark: str, markdown: str, worth_posting: bool) -> Outcome:
    body = limited(f"{mark}\n{markdown}", LIMIT)
    existing = api.find(number, mark)
    if existing is None:
        if not worth_posting:
            return Outcome("There is nothing to say in a comment.")
        api.send("POST", f"/issues/{number}/comments", {"body": body})
        return Outcome("The comment was posted.")
    if existing.body.replace("\r\n", "\n").strip() == body.strip():
        return Outcome("The comment is up to date.")
    api.send("PATCH", f"/issues/comments/{existing.id}", {"body": body})
    return Outcome("The comment was updated.")


def _explained(refused: _RefusedError, from_fork: bool) -> str:
    if refused.status in (401, 403, 404):
        if from_fork:
            return (
                "No comment: for a pull request from a fork, GitHub gives the workflow a token that can only read. "
                "The annotations and the job summary have everything."
            )
        return (
            f"No comment: the token may not write one ({refused}). Give the job permissions: pull-requests: write, "
            "or set comment: false."
        )
    return f"No comment: {refused}."


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other: following it would carry the token to another host."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


class _Api:
    """The few calls to one repository's REST API."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        url, repository = environ.get("GITHUB_API_URL", ""), environ.get("GITHUB_REPOSITORY", "")
        self._token = environ.get("INPUT_TOKEN", "")
        if not url.startswith(("https://", "http://")) or not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
            raise _RefusedError(0, "GITHUB_API_URL or GITHUB_REPOSITORY is not set")
        if not self._token:
            raise _RefusedError(0, "the input token is empty")
        self._root = url.rstrip("/")
        self._repository = f"{self._root}/repos/{repository}"
        self._opener = urllib.request.build_opener(_NoRedirect)

    def find(self, number: int, mark: str) -> _Comment | None:
        """Our comment with this mark, or None. Raises _RefusedError."""
        login = self._login()
        for item in self._comments(number):
            author = item.get("user")
            name = author.get("login") if isinstance(author, dict) else None
            kind = author.get("type") if isinstance(author, dict) else None
            body, identifier = item.get("body"), item.get("id")
            ours = name == login if login is not None else kind == "Bot"
            if ours and isinstance(body, str) and isinstance(identifier, int) and body.startswith(mark):
                return _Comment(identifier, body)
        return None

    def send(self, method: str, path: str, body: dict[str, str]) -> object:
        """Writes to the repository. Raises _RefusedError."""
        return self._call(method, self._repository + path, body)

    def _login(self) -> str | None:
        """Who the token is; None for an app's token (such as the workflow's own), which may not ask."""
        try:
            user = self._call("GET", f"{self._root}/user")
        except _RefusedError as refused:
            if refused.status in (401, 403, 404):
                return None
            raise
        login = user.get("login") if isinstance(user, dict) else None
        return login if isinstance(login, str) else None

    def _comments(self, number: int) -> Iterator[dict[str, object]]:
        for page in range(1, _PAGES + 1):
            url = f"{self._repository}/issues/{number}/comments?per_page=100&page={page}"
            items = self._call("GET", url)
            if not isinstance(items, list):
                raise _RefusedError(0, "GitHub's list of comments is not a list")
            yield from (item for item in items if isinstance(item, dict))
            if len(items) < 100:
                return
        raise _RefusedError(0, f"the pull request has more than {_PAGES * 100} comments")

    def _call(self, method: str, url: str, body: dict[str, str] | None = None) -> object:
        request = urllib.request.Request(url, method=method)  # noqa: S310 - the scheme was checked above
        request.add_header("Accept", "application/vnd.github+json")
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header("User-Agent", "skill-fleet")
        request.add_header("X-GitHub-Api-Version", "2022-11-28")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise _RefusedError(error.code, f"GitHub answered {error.code} {error.reason}") from error
        except (OSError, ValueError, HTTPException) as error:
            raise _RefusedError(0, f"GitHub could not be reached: {error}") from error
