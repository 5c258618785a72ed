"""People at GitHub's REST API: each call is made with somebody's own token, as a browser would make it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

T = TypeVar("T")
_LOOK_EVERY, _LOOK_AT_LEAST_EVERY = 0.1, 4.0
"""Seconds between two looks, at first and when waiting takes long."""


class DeviationError(Exception):
    """Something else happened than what the demo is there to show."""


@dataclass(frozen=True)
class Comment:
    id: int
    author: str
    body: str


@dataclass(frozen=True)
class Issue:
    number: int
    open: bool
    labels: tuple[str, ...]

    @property
    def state(self) -> str:
        """What stands behind `skill:` in its state label."""
        return next((label.removeprefix("skill:") for label in self.labels if label.startswith("skill:")), "")


class People:
    """One repository as its people see it."""

    def __init__(self, session: aiohttp.ClientSession, url: str, repository: str, tokens: Mapping[str, str]) -> None:
        self._session, self._url, self._repository, self._tokens = session, url, repository, tokens

    async def call(self, who: str, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """The decoded answer. Raises DeviationError when GitHub refuses."""
        headers = {
            "Authorization": f"Bearer {self._tokens[who]}",
            "User-Agent": "skill-fleet-demo",
            "X-Sandbox-User": who,
        }
        async with self._session.request(method, self._url + path, json=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise DeviationError(f"{who} could not {method} {path}: {answer.status} {text[:300]}")
            return await answer.json() if text else None

    async def file_request(self, who: str, title: str, answers: Mapping[str, str]) -> int:
        """Fill in the *Skill request* form; the issue's number."""
        path = f"/_sandbox/repositories/{self._repository}/forms/skill-request.yml"
        issue = await self.call(who, "POST", path, {"title": title, "answers": answers})
        number: int = issue["number"]
        return number

    async def comment(self, who: str, number: int, text: str) -> None:
        await self.call(who, "POST", self._repo(f"/issues/{number}/comments"), {"body": text})

    async def comments(self, number: int) -> list[Comment]:
        answer = await self.call("riley", "GET", self._repo(f"/issues/{number}/comments?per_page=100"))
        return [Comment(entry["id"], entry["user"]["login"], entry["body"]) for entry in answer]

    async def issue(self, number: int) -> Issue:
        answer = await self.call("riley", "GET", self._repo(f"/issues/{number}"))
        labels = tuple(label["name"] for label in answer["labels"])
        return Issue(number=answer["number"], open=answer["state"] == "open", labels=labels)

    async def pull_of(self, number: int) -> dict[str, Any]:
        """The pull request on the request's branch."""
        owner = self._repository.partition("/")[0]
        path = self._repo(f"/pulls?state=all&head={owner}:skill/issue-{number}")
        found = await self.call("riley", "GET", path)
        if len(found) != 1:
            raise DeviationError(f"there are {len(found)} pull requests for issue {number}, not one")
        pull: dict[str, Any] = found[0]
        return pull

    async def check_of(self, sha: str) -> dict[str, Any] | None:
        answer = await self.call("riley", "GET", self._repo(f"/commits/{sha}/check-runs"))
        runs = [run for run in answer["check_runs"] if run["name"] == "skill-fleet"]
        if len(runs) > 1:
            raise DeviationError(f"there are {len(runs)} check runs on {sha[:10]}, not one")
        check: dict[str, Any] | None = runs[0] if runs and runs[0]["status"] == "completed" else None
        return check

    async def merge(self, who: str, pull: int) -> str:
        answer = await self.call(who, "PUT", self._repo(f"/pulls/{pull}/merge"), {})
        sha: str = answer["sha"]
        return sha

    async def files(self, path: str, ref: str) -> list[str]:
        answer = await self.call("riley", "GET", self._repo(f"/contents/{path}?ref={ref}"))
        return [entry["path"] for entry in answer]

    def _repo(self, path: str) -> str:
        return f"/repos/{self._repository}{path}"


async def until(what: str, look: Callable[[], Awaitable[T | None]], seconds: float) -> T:
    """Look until there is something, ever less often: people too have a rate limit.

    Raises DeviationError, naming `what`, when time is up.
    """
    async with _deadline(what, seconds):
        pause = _LOOK_EVERY
        while (found := await look()) is None:
            await asyncio.sleep(pause)
            pause = min(pause * 1.1, _LOOK_AT_LEAST_EVERY)
        return found


class _deadline:  # noqa: N801 - reads as a statement
    def __init__(self, what: str, seconds: float) -> None:
        self._what, self._seconds = what, seconds
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise DeviationError(f"waited {self._seconds:.0f} s for {self._what}; it did not come") from None
