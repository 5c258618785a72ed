"""The layer below the endpoints: headers, versions, caching, limits, faults, the Enterprise prefix, the control API."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.sandbox.exchanges import Exchange
from tests.github_sandbox import GitHub, github_sandbox

REPO = "/repos/acme/skills"


async def test_a_request_without_user_agent_is_forbidden(github: GitHub) -> None:
    async with github.session.get(f"{github.sandbox.api_url}{REPO}", skip_auto_headers=["User-Agent"]) as response:
        assert response.status == 403
        assert "User-Agent" in await response.text()


@pytest.mark.parametrize(("version", "status"), [("2022-11-28", 200), ("2026-03-10", 200), ("2020-01-01", 400)])
async def test_an_unknown_version_is_refused(github: GitHub, version: str, status: int) -> None:
    answer = await github.as_user("riley").request("GET", REPO, headers={"X-GitHub-Api-Version": version})
    assert answer.status == status


@pytest.mark.parametrize(
    ("raw", "status", "words"),
    [(b"{", 400, "Problems parsing JSON"), (b'"x"', 400, "JSON object"), (b'{"title": 1}', 422, "is not a string")],
)
async def test_bodies_that_are_not_what_was_asked(github: GitHub, raw: bytes, status: int, words: str) -> None:
    github.contract.enforce = False
    headers = {"Authorization": f"Bearer {github.sandbox.token('riley')}", "User-Agent": "t"}
    async with github.session.post(f"{github.sandbox.api_url}{REPO}/issues", data=raw, headers=headers) as response:
        assert response.status == status
        assert words in (await response.json())["message"]
    github.contract.violations.clear()


async def test_an_unknown_path_is_not_found_in_githubs_words(github: GitHub) -> None:
    github.contract.enforce = False
    answer = await github.as_user("riley").request("GET", "/nothing/here")
    assert answer.data["message"] == "Not Found"
    assert set(answer.data) == {"message", "documentation_url", "status"}
    github.contract.violations.clear()


async def test_an_unchanged_answer_is_304_free_and_known_to_its_token_only(github: GitHub) -> None:
    riley, morgan = github.as_user("riley"), github.as_user("morgan")
    first = await riley.request("GET", f"{REPO}/labels")
    tag = {"If-None-Match": first.headers["ETag"]}
    again = await riley.request("GET", f"{REPO}/labels", headers=tag)
    assert (again.status, again.data) == (304, None)
    assert again.headers["X-RateLimit-Remaining"] == first.headers["X-RateLimit-Remaining"]
    assert (await morgan.request("GET", f"{REPO}/labels", headers=tag)).status == 200
    await morgan.post(f"{REPO}/labels", {"name": "new"})
    assert (await riley.request("GET", f"{REPO}/labels", headers=tag)).status == 200


async def test_pages_are_cut_at_a_hundred(github: GitHub) -> None:
    github.contract.enforce = False
    riley = github.as_user("riley")
    for number in range(101):
        await riley.open_issue(str(number))
    assert len(await riley.get(f"{REPO}/issues", per_page=500)) == 100
    github.contract.violations.clear()


# --- limits ----------------------------------------------------------------------------------------------------------


async def test_the_primary_limit_counts_down_and_resets(github: GitHub) -> None:
    github.sandbox.world.limits.requests_per_hour = 2
    riley = github.as_user("riley")
    left = [(await riley.request("GET", REPO)).headers["X-RateLimit-Remaining"] for _ in range(2)]
    assert left == ["1", "0"]
    answer = await riley.request("GET", REPO)
    assert answer.status == 403 and "API rate limit exceeded for user ID" in answer.data["message"]
    assert (await riley.get("/rate_limit"))["rate"]["remaining"] == 0
    assert (await github.as_user("morgan").request("GET", REPO)).status == 200
    github.sandbox.world.clock.advance(3601)
    assert (await riley.request("GET", REPO)).status == 200


@pytest.mark.parametrize("status", [403, 429])
async def test_the_secondary_limit_names_the_seconds_to_wait(github: GitHub, status: int) -> None:
    await github.control(
        "/limits", {"writes_per_minute": 1, "secondary_status": status, "retry_after": 7}, method="PATCH"
    )
    riley = github.as_user("riley")
    await riley.open_issue("one")
    answer = await riley.request("POST", f"{REPO}/issues", {"title": "two"})
    assert (answer.status, answer.headers["Retry-After"]) == (status, "7")
    assert "secondary rate limit" in answer.data["message"]
    assert int(answer.headers["X-RateLimit-Remaining"]) > 0
    assert (await riley.request("GET", REPO)).status == 200
    github.sandbox.world.clock.advance(61)
    await riley.open_issue("two")


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "seen", "applied"),
    [
        ("status", 502, False),
        ("secondary", 403, False),
        ("secondary429", 429, False),
        ("primary", 403, False),
        ("drop_before", aiohttp.ServerDisconnectedError, False),
        ("drop_after", aiohttp.ServerDisconnectedError, True),
        ("status_after", 502, True),
        ("truncate", aiohttp.ClientPayloadError, True),
        ("delay", 201, True),
    ],
)
async def test_faults_lose_the_request_or_its_answer(github: GitHub, kind: str, seen: Any, applied: bool) -> None:
    number = await github.as_user("riley").open_issue("x")
    bot = await github.as_installation()
    fault = github.fault(kind, "POST", "/comments$", seconds=0.01)
    path = f"{REPO}/issues/{number}/comments"
    await github.as_user("riley").comment(number, "people are spared")
    if isinstance(seen, int):
        answer = await bot.request("POST", path, {"body": "b"})
        assert answer.status == seen
        if "secondary" in kind:
            assert answer.headers["Retry-After"] == "1"
        if kind == "primary":
            assert answer.headers["X-RateLimit-Remaining"] == "0"
    else:
        with pytest.raises(seen):
            await bot.request("POST", path, {"body": "b"})
    assert len(await github.bot_comments(number)) == applied
    assert fault.hits == 1
    assert (await bot.request("POST", path, {"body": "b"})).status == 201


async def test_a_fault_can_wait_for_the_nth_write(github: GitHub) -> None:
    bot = await github.as_installation()
    rule = {"kind": "status", "method": "write", "skip": 2, "times": 1, "status": 500, "login": github.bot_login}
    await github.control("/faults", rule)
    statuses = [(await bot.request("POST", f"{REPO}/issues", {"title": "x"})).status for _ in range(4)]
    assert statuses == [201, 201, 500, 201]
    assert [each.status for each in github.writes()] == [201, 201, 500, 201]
    async with github.session.get(f"{github.sandbox.url}/_sandbox/requests?writes=1") as response:
        assert [each["fault"] for each in await response.json()][-4:] == [None, None, "status", None]
    await github.control("/faults", None, method="DELETE")


# --- control ---------------------------------------------------------------------------------------------------------


async def test_expired_tokens_are_bad_and_the_clock_obeys(github: GitHub) -> None:
    bot = await github.as_installation()
    assert (await github.control("/tokens/expire", {}))["expired"] == 1
    assert (await bot.request("GET", REPO)).status == 401
    now = (await github.control("/clock", {"freeze": "2030-01-01T00:00:00Z", "advance": 90}))["now"]
    assert now == "2030-01-01T00:01:30Z"
    await github.control("/clock", {"thaw": True})
    assert github.sandbox.world.clock.now().year == 2030


async def test_people_repositories_and_roles_can_be_added(github: GitHub) -> None:
    made = await github.control("/accounts", {"login": "pat"})
    await github.control("/repositories", {"owner": "acme", "name": "second", "private": True, "files": {"a.md": "x"}})
    pat = github.with_token(made["token"])
    assert (await pat.request("GET", "/repos/acme/second")).status == 404
    await github.control("/repositories/acme/second/roles/pat", {"role": "triage"}, method="PUT")
    assert (await pat.get("/repos/acme/second"))["permissions"]["triage"] is True
    assert (await pat.get("/repos/acme/second/contents/a.md"))["size"] == 1
    async with github.session.get(f"{github.sandbox.url}/_sandbox/state") as response:
        state = await response.json()
    assert state["people"]["pat"] == made["token"] and state["repositories"] == ["acme/skills", "acme/second"]
    forms = await github.control("/repositories/acme/skills/forms", None, method="GET")
    assert forms[0]["labels"] == ["skill-request"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faults", {"kind": "invented"}),
        ("/faults", {}),
        ("/repositories/acme/none/forms/x.yml", {}),
        ("/installations/1/suspend", {}),
        ("/deliveries/rules", {"kind": "x"}),
    ],
)
async def test_control_says_what_it_did_not_understand(github: GitHub, path: str, body: Any) -> None:
    headers = {"X-Sandbox-User": "morgan"}
    async with github.session.post(f"{github.sandbox.url}/_sandbox{path}", json=body, headers=headers) as response:
        assert response.status in (404, 422)
        assert (await response.json())["message"]


async def test_changes_stream_live_and_can_be_resumed(github: GitHub) -> None:
    riley = github.as_user("riley")
    number = await riley.open_issue("x")
    async with github.session.get(f"{github.sandbox.url}/_sandbox/feed?after=0") as stream:
        seen: list[tuple[str, str, int]] = []
        await riley.react(await riley.comment(number, "hi"), "heart")
        while ("reaction", "created", number) not in seen:
            line = (await asyncio.wait_for(stream.content.readline(), 60)).decode()
            if line.startswith("data:"):
                change = json.loads(line[5:])
                seen.append((change["event"], change["action"], change["number"]))
    threads = [change for change in seen if change[2] == number]
    assert threads == [
        (kind, verb, number)
        for kind, verb in (("issues", "opened"), ("issue_comment", "created"), ("reaction", "created"))
    ]


async def test_waiting_returns_at_the_change_and_tells_what_it_missed(github: GitHub) -> None:
    bot, number = await github.as_installation(), await github.as_user("riley").open_issue("x")
    waiting = asyncio.ensure_future(github.wait_for_comment(number, "ready", seconds=5))
    await bot.post(f"{REPO}/issues/{number}/comments", {"body": "soon"})
    await bot.post(f"{REPO}/issues/{number}/comments", {"body": "ready now"})
    assert await waiting == "ready now"
    with pytest.raises(AssertionError, match="never said"):
        await github.wait_for_comment(number, "never said", seconds=0.01)
    assert github.transcript(number).startswith("## @riley\n\n**x**")


async def test_two_runs_that_ended_alike_look_alike(tmp_path: Path) -> None:
    pictures = []
    for name in ("one", "two"):
        async with github_sandbox(tmp_path / name) as github:
            number = await github.as_user("riley").open_issue("x")
            bot = await github.as_installation()
            await bot.post(f"{REPO}/issues/{number}/comments", {"body": "b"})
            await github.as_user("morgan").commit("topic", {"a.md": "1"})
            pictures.append(github.picture())
    assert pictures[0] == pictures[1]


async def test_enterprise_server_has_its_api_below_a_path(tmp_path: Path) -> None:
    async with github_sandbox(tmp_path / "state", enterprise=True) as github:
        assert github.sandbox.api_url == f"{github.sandbox.url}/api/v3"
        number = await github.as_user("riley").open_issue("x")
        issue = await github.issue(number)
        assert issue["url"] == f"{github.sandbox.api_url}{REPO}/issues/{number}"
        assert issue["html_url"] == f"{github.sandbox.url}/acme/skills/issues/{number}"
        async with github.session.get(f"{github.sandbox.url}{REPO}") as response:
            assert response.status == 404
        headers = {"Authorization": f"Bearer {github.sandbox.token('morgan')}", "User-Agent": "t"}
        url = f"{github.sandbox.url}/api/graphql"
        async with github.session.post(url, json={"query": "{ viewer { login } }"}, headers=headers) as response:
            assert await response.json() == {"data": {"viewer": {"login": "morgan"}}}
        async with github.session.post(url, json={"query": "{ rateLimit { cost } }"}, headers=headers) as response:
            assert "errors" in await response.json()


class Watcher:
    """Counts, and refuses labels."""

    def __init__(self) -> None:
        self.statuses: list[int] = []

    def refuse(self, exchange: Exchange) -> str | None:
        return "no labels" if exchange.path.endswith("/labels") else None

    def answered(self, exchange: Exchange) -> None:
        self.statuses.append(exchange.status)

    def announced(self, event: str, payload: Any) -> None:
        self.statuses.append(0)


async def test_an_observer_sees_all_and_can_refuse(github: GitHub) -> None:
    watcher = Watcher()
    github.sandbox.api.observer = watcher
    assert (await github.as_user("riley").request("GET", f"{REPO}/labels")).status == 599
    await github.as_user("riley").request("GET", REPO)
    assert watcher.statuses == [599, 200]


@pytest.mark.parametrize(
    "headers", [{"Host": "rebound.example"}, {"Sec-Fetch-Site": "cross-site"}], ids=["rebound name", "foreign page"]
)
async def test_no_web_page_can_drive_the_sandbox(github: GitHub, headers: dict[str, str]) -> None:
    async with github.session.get(f"{github.sandbox.url}/_sandbox/state", headers=headers) as response:
        assert response.status == 403
        assert "ghp_" not in await response.text()
