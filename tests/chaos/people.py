"""People: each carries one request from the form to the merge, looking at GitHub alone, and notes what it waits for."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import aiohttp

from tests.chaos import author

_APPROVE = re.compile(r"`/skill approve ([0-9a-f]{8})`")
LOOK_EVERY = 0.4


class RefusedError(Exception):
    """GitHub answered a person with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text[:300]}")
        self.status = status


class LostError(Exception):
    """What a person waited for did not come."""


@dataclass
class Hub:
    """GitHub over HTTP, with anybody's token; one look a round at all issues for everybody."""

    session: aiohttp.ClientSession
    connection: Mapping[str, Any]
    labels: dict[int, frozenset[str]] = field(default_factory=dict)

    @property
    def repository(self) -> str:
        return str(self.connection["repositories"][0])

    async def call(self, who: str, method: str, path: str, body: object = None) -> Any:
        headers = {
            "Authorization": f"Bearer {self.connection['people'][who]}",
            "User-Agent": "skill-fleet-chaos",
            "X-Sandbox-User": who,
        }
        root = self.connection["url"] if path.startswith("/_sandbox") else self.connection["api_url"]
        async with self.session.request(method, root + path, json=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise RefusedError(answer.status, text)
            return await answer.json() if text else None

    async def repo(self, who: str, method: str, path: str, body: object = None) -> Any:
        return await self.call(who, method, f"/repos/{self.repository}{path}", body)

    async def all(self, path: str) -> list[Any]:
        found: list[Any] = []
        for page in range(1, 1_000):
            sign = "&" if "?" in path else "?"
            items = await self.repo("morgan", "GET", f"{path}{sign}per_page=100&page={page}")
            found += items
            if len(items) < 100:
                break
        return found

    async def look_forever(self) -> None:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                for issue in await self.all("/issues?state=all"):
                    self.labels[issue["number"]] = frozenset(label["name"] for label in issue["labels"])
            await asyncio.sleep(LOOK_EVERY)


class Ending(StrEnum):
    """How people decide about a request, by the name of the state it ends in."""

    MERGED = "promoted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


@dataclass
class Request:
    """One request and what its person has done so far."""

    case: str
    refinements: int
    reviews: int
    ending: Ending = Ending.MERGED
    second_thoughts: bool = False
    """Its pull request is closed first, and opened again."""
    number: int = 0
    pull: int = 0
    demands: list[str] = field(default_factory=list)
    waits_for: str = ""
    done: bool = False
    retries: int = 0
    lost: str = ""


@dataclass
class Person:
    hub: Hub
    request: Request
    may_merge: Callable[[], Awaitable[None]]
    patience: float

    async def live(self) -> None:
        try:
            await self._live()
            self.request.done = True
        except (LostError, RefusedError, TimeoutError, aiohttp.ClientError) as error:
            why = f"{type(error).__name__} {error}"
            self.request.lost = f"#{self.request.number}: {why} while waiting for {self.request.waits_for}"

    async def _live(self) -> None:
        request, hub = self.request, self.hub
        path = f"/_sandbox/repositories/{hub.repository}/forms/skill-request.yml"
        title, form = f"Skill request: {request.case}", author.form_of(request.case)
        request.number = (await hub.call("riley", "POST", path, {"title": title, "answers": form}))["number"]
        await self._state("waiting-for-start")
        await self._say("morgan", "/skill start")
        if await self._state("needs-answer", "needs-decision") == "needs-answer":
            await self._say("riley", f"{request.case} uses Python.")
        await self._state("needs-decision")
        digest = await self._new_digest(set())
        if request.ending is Ending.CANCELLED:
            await self._say("morgan", "/skill cancel")
            await self._state(Ending.CANCELLED)
            return
        seen = {digest}
        for _ in range(request.refinements):
            await self._say("riley", f"Please look after {self._demand()} in the check.")
            digest = await self._new_digest(seen)
            seen.add(digest)
        await self._say("morgan", f"/skill approve {digest}")
        await self._state("in-review")
        [pull] = await hub.repo("morgan", "GET", f"/pulls?state=all&head={self._owner}:skill/issue-{request.number}")
        request.pull = pull["number"]
        for _ in range(request.reviews):
            await self._review(pull["head"]["sha"])
        request.waits_for = "leave to merge"
        await self.may_merge()
        if request.ending is Ending.REJECTED or request.second_thoughts:
            await self._set_pull("closed")
            await self._state(Ending.REJECTED)
        if request.second_thoughts:
            await self._set_pull("open")
            await self._leave(Ending.REJECTED)
            await self._state("in-review")
        if request.ending is Ending.MERGED:
            await self._merge()
            await self._state(Ending.MERGED)

    @property
    def _owner(self) -> str:
        return self.hub.repository.partition("/")[0]

    def _demand(self) -> str:
        demand = f"{self.request.case}-{len(self.request.demands) + 1}"
        self.request.demands.append(demand)
        return demand

    async def _say(self, who: str, text: str) -> None:
        await self.hub.repo(who, "POST", f"/issues/{self.request.number}/comments", {"body": text})

    async def _state(self, *wanted: str) -> str:
        """Which of these states the request came to; a request that failed is asked to go on."""
        self.request.waits_for = " or ".join(wanted)
        async with asyncio.timeout(self.patience):
            while True:
                now = self.hub.labels.get(self.request.number, frozenset())
                for state in wanted:
                    if f"skill:{state}" in now:
                        return state
                if "skill:failed" in now:
                    self.request.retries += 1
                    await self._say("morgan", "/skill retry")
                    await self._leave("failed")
                if now & {"skill:rejected", "skill:cancelled", "skill:expired"}:
                    raise LostError(f"it ended as {', '.join(sorted(now))}")
                await asyncio.sleep(LOOK_EVERY)

    async def _leave(self, state: str) -> None:
        """Until the request is in this state no more."""
        self.request.waits_for = f"the end of {state}"
        async with asyncio.timeout(self.patience):
            while f"skill:{state}" in self.hub.labels.get(self.request.number, frozenset()):
                await asyncio.sleep(LOOK_EVERY)

    async def _set_pull(self, state: str) -> None:
        await self.hub.repo("morgan", "PATCH", f"/pulls/{self.request.pull}", {"state": state})

    async def _new_digest(self, seen: set[str]) -> str:
        """The digest of a preview that was not shown before."""
        async with asyncio.timeout(self.patience):
            while True:
                await self._state("needs-decision")
                self.request.waits_for = f"preview {len(seen) + 1}"
                for comment in reversed(await self.hub.all(f"/issues/{self.request.number}/comments")):
                    match = _APPROVE.search(comment["body"])
                    if match and match[1] not in seen and comment["user"]["type"] == "Bot":
                        return match[1]
                await asyncio.sleep(2 * LOOK_EVERY)

    async def _review(self, before: str) -> None:
        files = await self.hub.repo("morgan", "GET", f"/pulls/{self.request.pull}/files")
        path = next(file["filename"] for file in files if file["filename"].endswith("SKILL.md"))
        body = {"body": f"Please look after {self._demand()} in the check.", "path": path, "line": 1, "side": "RIGHT"}
        await self.hub.repo("morgan", "POST", f"/pulls/{self.request.pull}/comments", {**body, "commit_id": before})
        self.request.waits_for = "a commit for the review"
        async with asyncio.timeout(self.patience):
            while (await self.hub.repo("morgan", "GET", f"/pulls/{self.request.pull}"))["head"]["sha"] == before:
                await asyncio.sleep(2 * LOOK_EVERY)
        await self._state("in-review")

    async def _merge(self) -> None:
        self.request.waits_for = "a pull request that can be merged"
        async with asyncio.timeout(self.patience):
            while True:
                try:
                    await self.hub.repo("morgan", "PUT", f"/pulls/{self.request.pull}/merge", {})
                    return
                except RefusedError as error:
                    if error.status != 409:
                        raise
                    await asyncio.sleep(LOOK_EVERY)


def requests(count: int, dice: random.Random) -> list[Request]:
    """Most are merged. Of ten, one is cancelled, one rejected, and one rejected and then merged after all."""
    found = [
        Request(author.mark(number), refinements=dice.choice([0, 1, 2]), reviews=dice.choice([0, 0, 1]))
        for number in range(1, count + 1)
    ]
    for number, request in enumerate(found, 1):
        match number % 10:
            case 4:
                request.ending = Ending.REJECTED
            case 7:
                request.ending, request.refinements, request.reviews = Ending.CANCELLED, 0, 0
            case 0:
                request.second_thoughts = True
    return found
