"""A GitHub for tests, spoken to as its users do: `await gh.as_user("riley").comment(1, "text")`, over real HTTP.

Every request, answer and webhook is checked against GitHub's published description; the fixture `github` (a conftest
gets it by `from tests.github_sandbox import github`) fails the test when something broke it.
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from bot.sandbox import Sandbox, Seed
from bot.sandbox.deliveries import DeliveryRule, Mishap
from bot.sandbox.exchanges import Exchange
from bot.sandbox.faults import Fault, Kind
from bot.sandbox.model import Issue, Pull
from tests.contract import ContractObserver

Json = Any
USER_AGENT = "skill-fleet-tests"


class RefusedError(AssertionError):
    """GitHub answered a user's action with an error."""

    def __init__(self, answer: "Answer") -> None:
        super().__init__(f"{answer.status} {answer.data}")
        self.answer = answer


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    data: Json

    def ok(self) -> Json:
        if self.status >= 400:
            raise RefusedError(self)
        return self.data


class Client:
    """Requests with one credential."""

    def __init__(self, session: aiohttp.ClientSession, base: str, token: str | None) -> None:
        self._session, self._base, self.token = session, base, token

    async def request(
        self, method: str, path: str, json: Json = None, /, headers: Mapping[str, str] | None = None, **query: str | int
    ) -> Answer:
        """One request; redirects are not followed."""
        sent = {"User-Agent": USER_AGENT, "Accept": "application/vnd.github+json", **(headers or {})}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        params = {name: str(value) for name, value in query.items()}
        async with self._session.request(
            method, self._base + path, json=json, headers=sent, params=params, allow_redirects=False
        ) as response:
            raw = await response.read()
            data = (
                await response.json()
                if raw and response.content_type == "application/json"
                else raw.decode(errors="replace")
            )
            return Answer(response.status, response.headers, data if raw else None)

    async def get(self, path: str, /, **query: str | int) -> Json:
        return (await self.request("GET", path, **query)).ok()

    async def post(self, path: str, body: Json = None) -> Json:
        return (await self.request("POST", path, body)).ok()

    async def patch(self, path: str, body: Json) -> Json:
        return (await self.request("PATCH", path, body)).ok()

    async def put(self, path: str, body: Json = None) -> Json:
        return (await self.request("PUT", path, body)).ok()

    async def delete(self, path: str, body: Json = None) -> Json:
        return (await self.request("DELETE", path, body)).ok()

    async def all(self, path: str, /, **query: str | int) -> list[Json]:
        """Every page of a list."""
        found: list[Json] = []
        for page in range(1, 1000):
            items = await self.get(path, **query, per_page=100, page=page)
            found += items
            if len(items) < 100:
                break
        return found


class Person(Client):
    """What somebody can do on GitHub, in the repository of the test."""

    def __init__(self, github: "GitHub", login: str, repo: str = "") -> None:
        super().__init__(github.session, github.sandbox.api_url, github.sandbox.token(login))
        self.login, self._github, self._elsewhere = login, github, repo

    @property
    def repo(self) -> str:
        return f"/repos/{self._elsewhere or self._github.repo}"

    async def fork(self) -> "Person":
        """The same person in a fork of their own; `open_pull("LOGIN:BRANCH", …)` of this one brings what is there."""
        made = await self._github.control(f"/repositories/{self._github.repo}/forks", {}, self.login)
        return Person(self._github, self.login, made["full_name"])

    # issues
    async def open_issue(self, title: str, body: str | None = None, labels: Sequence[str] = ()) -> int:
        """Over the API, where labels of people without triage access are dropped; its number."""
        data = {"title": title, **({} if body is None else {"body": body}), "labels": list(labels)}
        return int((await self.post(f"{self.repo}/issues", data))["number"])

    async def submit_form(self, answers: Mapping[str, str], title: str = "", form: str = "skill-request.yml") -> int:
        """Through an issue form on the web, which puts its labels on whoever files it; the issue's number."""
        path = f"/repositories/{self._github.repo}/forms/{form}"
        return int((await self._github.control(path, {"title": title, "answers": dict(answers)}, self.login))["number"])

    async def edit_issue(self, number: int, **changes: Json) -> Json:
        return await self.patch(f"{self.repo}/issues/{number}", changes)

    async def close(self, number: int, reason: str = "completed") -> None:
        await self.edit_issue(number, state="closed", state_reason=reason)

    async def reopen(self, number: int) -> None:
        await self.edit_issue(number, state="open")

    async def label(self, number: int, *names: str) -> None:
        await self.post(f"{self.repo}/issues/{number}/labels", {"labels": list(names)})

    async def unlabel(self, number: int, name: str) -> None:
        await self.delete(f"{self.repo}/issues/{number}/labels/{name}")

    async def lock(self, number: int) -> None:
        await self.put(f"{self.repo}/issues/{number}/lock")

    async def delete_issue(self, number: int) -> None:
        await self._github.control(f"/repositories/{self._github.repo}/issues/{number}", None, self.login, "DELETE")

    async def transfer_issue(self, number: int, to: str) -> int:
        path = f"/repositories/{self._github.repo}/issues/{number}/transfer"
        return int((await self._github.control(path, {"to": to}, self.login))["number"])

    # comments
    async def comment(self, number: int, text: str) -> int:
        return int((await self.post(f"{self.repo}/issues/{number}/comments", {"body": text}))["id"])

    async def edit_comment(self, comment_id: int, text: str) -> None:
        await self.patch(f"{self.repo}/issues/comments/{comment_id}", {"body": text})

    async def delete_comment(self, comment_id: int) -> None:
        await self.delete(f"{self.repo}/issues/comments/{comment_id}")

    async def react(self, comment_id: int, content: str) -> None:
        await self.post(f"{self.repo}/issues/comments/{comment_id}/reactions", {"content": content})

    # files
    async def commit(
        self, branch: str, files: Mapping[str, str | None], message: str = "Change files", start: str = "main"
    ) -> str:
        """One commit on a branch (made from `start` when new); None removes a file. The commit's id."""
        found = await self.request("GET", f"{self.repo}/git/ref/heads/{branch}")
        tip = (found.data if found.status == 200 else await self.get(f"{self.repo}/git/ref/heads/{start}"))["object"]
        base = (await self.get(f"{self.repo}/git/commits/{tip['sha']}"))["tree"]["sha"]
        entries: list[Json] = []
        for path, text in files.items():
            change = {"sha": None} if text is None else {"content": text}
            entries.append({"path": path, "mode": "100644", "type": "blob", **change})
        tree = await self.post(f"{self.repo}/git/trees", {"base_tree": base, "tree": entries})
        data = {"message": message, "tree": tree["sha"], "parents": [tip["sha"]]}
        sha: str = (await self.post(f"{self.repo}/git/commits", data))["sha"]
        if found.status == 200:
            await self.patch(f"{self.repo}/git/refs/heads/{branch}", {"sha": sha})
        else:
            await self.post(f"{self.repo}/git/refs", {"ref": f"refs/heads/{branch}", "sha": sha})
        return sha

    async def delete_branch(self, branch: str) -> None:
        await self.delete(f"{self.repo}/git/refs/heads/{branch}")

    # pull requests
    async def open_pull(self, head: str, title: str, body: str = "", base: str = "main") -> int:
        data = {"head": head, "base": base, "title": title, "body": body}
        return int((await self.post(f"{self.repo}/pulls", data))["number"])

    async def merge(self, number: int, method: str = "merge") -> str:
        sha: str = (await self.put(f"{self.repo}/pulls/{number}/merge", {"merge_method": method}))["sha"]
        return sha

    async def review(
        self, number: int, event: str = "COMMENT", body: str = "", comments: Sequence[tuple[str, int, str]] = ()
    ) -> int:
        """`event`: APPROVE, REQUEST_CHANGES or COMMENT; comments are (path, line of the new file, text)."""
        lines = [{"path": path, "line": line, "body": text} for path, line, text in comments]
        data = {"event": event, **({"body": body} if body else {}), "comments": lines}
        return int((await self.post(f"{self.repo}/pulls/{number}/reviews", data))["id"])

    async def comment_on_line(self, number: int, path: str, line: int, text: str) -> int:
        head = (await self.get(f"{self.repo}/pulls/{number}"))["head"]["sha"]
        data = {"body": text, "path": path, "line": line, "side": "RIGHT", "commit_id": head}
        return int((await self.post(f"{self.repo}/pulls/{number}/comments", data))["id"])

    async def reply_on_line(self, number: int, comment_id: int, text: str) -> int:
        path = f"{self.repo}/pulls/{number}/comments/{comment_id}/replies"
        return int((await self.post(path, {"body": text}))["id"])

    # checks
    async def press(self, run_id: int, identifier: str) -> None:
        """Press a button of a check run."""
        path = f"/repositories/{self._github.repo}/check-runs/{run_id}/actions/{identifier}"
        await self._github.control(path, {}, self.login)

    async def rerun(self, run_id: int) -> None:
        await self._github.control(f"/repositories/{self._github.repo}/check-runs/{run_id}/rerequest", {}, self.login)


class GitHub:
    """The sandbox of one test. What people see is read over HTTP as the maintainer; `sandbox` gives the rest."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession, contract: ContractObserver) -> None:
        self.sandbox, self.session, self.contract = sandbox, session, contract
        self.repo = sandbox.repository.full_name

    def as_user(self, login: str) -> Person:
        return Person(self, login)

    @property
    def bot_login(self) -> str:
        return self.sandbox.app.bot.login

    # --- credentials -------------------------------------------------------------------------------------------------

    def anonymous(self) -> Client:
        return Client(self.session, self.sandbox.api_url, None)

    def with_token(self, token: str) -> Client:
        return Client(self.session, self.sandbox.api_url, token)

    def app_jwt(self, issued: float = -60, lifetime: float = 540, issuer: str | None = None) -> str:
        """A JSON web token of the App; times in seconds from now."""
        now = int(self.sandbox.world.clock.now().timestamp())
        claims = {"iat": now + int(issued), "exp": now + int(lifetime), "iss": issuer or str(self.sandbox.app.id)}
        return jwt.encode(claims, self.sandbox.private_key, algorithm="RS256")

    def as_app(self) -> Client:
        return self.with_token(self.app_jwt())

    async def as_installation(self, **scope: Json) -> Client:
        """The App with an installation token; `permissions=` and `repositories=` scope it down."""
        path = f"/app/installations/{self.sandbox.installation.id}/access_tokens"
        return self.with_token((await self.as_app().post(path, scope or None))["token"])

    # --- what there is to see ----------------------------------------------------------------------------------------

    def _reader(self) -> Person:
        return self.as_user(next(login for login in self.sandbox.connection()["people"] if login == "morgan"))

    async def issue(self, number: int) -> Json:
        return await self._reader().get(f"/repos/{self.repo}/issues/{number}")

    async def labels(self, number: int) -> list[str]:
        return [label["name"] for label in (await self.issue(number))["labels"]]

    async def comments(self, number: int) -> list[Json]:
        return await self._reader().all(f"/repos/{self.repo}/issues/{number}/comments")

    async def bot_comments(self, number: int) -> list[str]:
        return [each["body"] for each in await self.comments(number) if each["user"]["login"] == self.bot_login]

    async def reactions(self, comment_id: int) -> list[tuple[str, str]]:
        found = await self._reader().all(f"/repos/{self.repo}/issues/comments/{comment_id}/reactions")
        return [(each["user"]["login"], each["content"]) for each in found]

    async def pulls(self, state: str = "all") -> list[Json]:
        return await self._reader().all(f"/repos/{self.repo}/pulls", state=state)

    async def pull(self, number: int) -> Json:
        return await self._reader().get(f"/repos/{self.repo}/pulls/{number}")

    async def review_comments(self, number: int) -> list[Json]:
        return await self._reader().all(f"/repos/{self.repo}/pulls/{number}/comments")

    async def check_runs(self, ref: str) -> list[Json]:
        found = await self._reader().get(f"/repos/{self.repo}/commits/{ref}/check-runs", per_page=100)
        return list(found["check_runs"])

    async def file(self, path: str, ref: str = "main") -> str | None:
        answer = await self._reader().request("GET", f"/repos/{self.repo}/contents/{path}", ref=ref)
        return base64.b64decode(answer.ok()["content"]).decode() if answer.status == 200 else None

    async def branches(self) -> list[str]:
        return [branch["name"] for branch in await self._reader().all(f"/repos/{self.repo}/branches")]

    def transcript(self, number: int) -> str:
        """The thread as people read it, for snapshots: who wrote what, with reactions."""
        issue = self.sandbox.repository.issues[number]
        parts = [_entry(issue.user.login, f"**{issue.title}**\n\n{issue.body or ''}", issue)]
        parts += [_entry(comment.user.login, comment.body, comment) for comment in issue.comments]
        closing = f"{issue.state} {issue.state_reason or ''}".strip()
        labels = ", ".join(sorted(label.name for label in issue.labels))
        return "\n\n".join([*parts, f"({closing}; labels: {labels or 'none'})"]) + "\n"

    def picture(self) -> Json:
        """All that people can see, without ids and times: equal for two runs that ended alike."""
        repo = self.sandbox.repository
        heads = {name: sha for name, sha in repo.git.refs().items() if name.startswith("refs/heads/")}
        return {
            "threads": {number: _thread(issue) for number, issue in sorted(repo.issues.items())},
            "branches": {name: _branch(repo.git.log(sha), repo) for name, sha in sorted(heads.items())},
            "checks": sorted(
                (repo.git.commit(run.head_sha).tree, run.name, run.status, run.conclusion or "", len(run.annotations))
                for run in repo.runs
            ),
            "labels": sorted(label.name for label in repo.labels),
        }

    # --- trouble -----------------------------------------------------------------------------------------------------

    def fault(self, kind: str, method: str = "write", path: str = ".*", **options: Any) -> Fault:
        """The next matching requests of the bot go wrong; see `bot.sandbox.faults`."""
        fault = Fault(Kind(kind), method, path, **{"login": self.bot_login, **options})
        self.sandbox.api.faults.append(fault)
        return fault

    def mishap(self, kind: str, event: str = "*", action: str = "*", **options: Any) -> DeliveryRule:
        """The next matching webhook deliveries go wrong; see `bot.sandbox.deliveries`."""
        rule = DeliveryRule(Mishap(kind), event, action, **options)
        self.sandbox.world.courier.rules.append(rule)
        return rule

    def writes(self, login: str | None = None) -> list[Exchange]:
        """The changing requests of somebody (the bot), in order."""
        wanted = login or self.bot_login
        return [each for each in self.sandbox.api.log.writes() if each.actor == wanted]

    async def control(self, path: str, body: Json, login: str = "", method: str = "POST") -> Json:
        url, headers = f"{self.sandbox.url}/_sandbox{path}", {"X-Sandbox-User": login, "User-Agent": USER_AGENT}
        async with self.session.request(method, url, json=body, headers=headers) as response:
            return Answer(response.status, response.headers, await response.json()).ok()

    # --- waiting -----------------------------------------------------------------------------------------------------

    async def until(self, done: Callable[[], Awaitable[bool]], seconds: float = 30.0, what: str = "") -> None:
        """Returns once `done()` is true; looked at again after every change. Fails after `seconds`."""
        changes = self.sandbox.world.feed.follow()
        waiting = asyncio.ensure_future(anext(changes))
        deadline = time.monotonic() + seconds
        try:
            while not await done():
                left = deadline - time.monotonic()
                finished, _ = await asyncio.wait([waiting], timeout=max(0.0, left))
                if not finished:
                    raise AssertionError(f"waited {seconds:g} s in vain: {what or done}")
                waiting = asyncio.ensure_future(anext(changes))
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await changes.aclose()

    async def wait_for_comment(self, number: int, containing: str = "", seconds: float = 30.0) -> str:
        """The newest comment of the bot that contains a text, as soon as there is one."""
        found: list[str] = []

        async def there() -> bool:
            issue = self.sandbox.repository.issues[number]
            bodies = [each.body for each in issue.comments if each.user.login == self.bot_login]
            found[:] = [body for body in bodies if containing in body]
            return bool(found)

        await self.until(there, seconds, f"a comment on #{number} containing {containing!r}")
        return found[-1]

    async def settle(self) -> None:
        """Until every webhook delivery is answered."""
        await self.sandbox.idle()


def _entry(login: str, text: str, item: Any) -> str:
    reactions = " ".join(f"[{each.user.login}: {each.content}]" for each in item.reactions)
    return f"## @{login}{' ' + reactions if reactions else ''}\n\n{text.strip()}"


def _thread(issue: Issue) -> Json:
    data = {
        "title": issue.title,
        "body": issue.body,
        "state": issue.state,
        "reason": issue.state_reason,
        "labels": sorted(label.name for label in issue.labels),
        "reactions": sorted((each.user.login, each.content) for each in issue.reactions),
        "comments": [
            (each.user.login, each.body, sorted((r.user.login, r.content) for r in each.reactions))
            for each in issue.comments
        ],
    }
    return {**data, "pull": _pull(issue.pull)} if issue.pull else data


def _pull(pull: Pull) -> Json:
    return {
        "head": pull.head_ref,
        "base": pull.base_ref,
        "merged": pull.merged,
        "reviewers": sorted(each.login for each in pull.requested_reviewers),
        "reviews": [(each.user.login, each.state, each.body) for each in pull.reviews],
        "comments": [(each.user.login, each.path, each.line, each.body) for each in pull.review_comments],
    }


def _branch(shas: Sequence[str], repo: Any) -> list[tuple[str, str]]:
    """Tree and message of each commit: what does not depend on the time."""
    return [(repo.git.commit(sha).tree, repo.git.commit(sha).message) for sha in shas]


@asynccontextmanager
async def github_sandbox(root: Path, seed: Seed | None = None, **options: Any) -> AsyncIterator[GitHub]:
    """A sandbox with contract checks, which fail at the end; options are those of `Sandbox.create`."""
    contract = ContractObserver()
    sandbox = await Sandbox.create(root, seed, observer=contract, **options)
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield GitHub(sandbox, session, contract)
    finally:
        await sandbox.close()
    contract.assert_clean()
    assert not sandbox.api.errors, sandbox.api.errors


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[GitHub]:
    async with github_sandbox(tmp_path / "github") as running:
        yield running
