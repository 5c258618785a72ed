import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from html import unescape
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.cli import main
from bot.setup import command
from bot.setup.exchange import ExchangeError, NewApp, exchange
from bot.setup.files import AlreadyConfiguredError, Target
from bot.setup.hosts import GitHubHost, github_host
from bot.setup.manifest import Manifest, manifest, required_permissions
from bot.setup.server import Plan, serve
from tests.integration.setup.stand_in import GitHubStandIn


@pytest.fixture
def github() -> GitHubStandIn:
    return GitHubStandIn()


@pytest.fixture
async def host(github: GitHubStandIn) -> AsyncIterator[GitHubHost]:
    async with TestServer(github.application(), host="127.0.0.1") as server:
        yield github_host(f"{server.make_url('/api/v3')}")


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


def make_manifest(redirect_url: str) -> Manifest:
    return manifest(
        name="Skill Fleet acme",
        homepage="https://bot.example",
        webhook_url="https://bot.example/webhook",
        redirect_url=redirect_url,
    )


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


class Visit:
    """A running set-up and what a person sees of it."""

    def __init__(self, task: asyncio.Task[NewApp], url: str) -> None:
        self.task = task
        self.url = url
        self.origin = url.partition("/?")[0]


@pytest.fixture
async def begin(host: GitHubHost, tmp_path: Path) -> AsyncIterator[Callable[[], object]]:
    tasks: list[asyncio.Task[NewApp]] = []

    async def begin_() -> Visit:
        printed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        plan = Plan(host, "acme", make_manifest, Target(tmp_path))
        task = asyncio.create_task(serve(plan, 0, printed.set_result))
        tasks.append(task)
        return Visit(task, await printed)

    yield begin_
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def press_the_button(browser: aiohttp.ClientSession, visit: Visit) -> str:
    """Open the page and post its form as a browser would; the address GitHub sends the browser to."""
    async with browser.get(visit.url) as response:
        assert response.status == 200
        page = await response.text()
    action = re.search(r'action="([^"]+)"', page)
    value = re.search(r'name="manifest" value="([^"]+)"', page)
    assert action is not None
    assert value is not None
    data = {"manifest": unescape(value[1])}
    async with browser.post(unescape(action[1]), data=data, allow_redirects=False) as response:
        return response.headers["Location"]


async def test_a_person_creates_the_app_in_the_browser(
    begin, browser: aiohttp.ClientSession, github: GitHubStandIn, host: GitHubHost, tmp_path: Path
) -> None:
    visit = await begin()
    back = await press_the_button(browser, visit)
    async with browser.get(back) as response:
        assert response.status == 200
        page = await response.text()
        assert "Content-Security-Policy" in response.headers
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "strict-origin"
    app = await visit.task
    assert app.id == 4711
    assert app.organization == "acme"
    assert f"{host.web}/apps/skill-fleet-acme/installations/new" in page
    assert "0123456789abcdef" not in page
    (content,) = github.manifests
    assert content["default_permissions"] == required_permissions()
    assert content["redirect_url"] == f"{visit.origin}/created"
    load_pem_private_key(Target(tmp_path).key.read_bytes(), password=None)
    assert "SKILL_FLEET_GITHUB_APP_ID=4711\n" in Target(tmp_path).environment.read_text()
    assert github.headers[0].get("Authorization") is None


async def test_the_page_opens_in_one_browser_only(begin, browser: aiohttp.ClientSession) -> None:
    visit = await begin()
    async with browser.get(visit.url) as response:
        assert response.status == 200
    async with browser.get(f"{visit.origin}/") as response:
        assert response.status == 200, "the same browser may reload"
    async with aiohttp.ClientSession() as other, other.get(visit.url) as response:
        assert response.status == 403


@pytest.mark.parametrize("token", ["", "?token=", "?token=guess", "?token=%ff"])
async def test_the_page_opens_only_with_the_printed_token(begin, token: str) -> None:
    visit = await begin()
    async with aiohttp.ClientSession() as other, other.get(f"{visit.origin}/{token}") as response:
        assert response.status == 403
        assert "manifest" not in await response.text()


async def test_an_answer_without_the_state_or_from_another_browser_changes_nothing(
    begin, browser: aiohttp.ClientSession, github: GitHubStandIn, tmp_path: Path
) -> None:
    visit = await begin()
    back = await press_the_button(browser, visit)
    forged = re.sub(r"state=[^&]+", "state=forged", back)
    for session, address in ((browser, forged), (browser, back.partition("&state")[0]), (None, back)):
        client = session or aiohttp.ClientSession()
        async with client.get(address) as response:
            assert response.status == 403
        if session is None:
            await client.close()
    assert github.exchanged == []
    assert is_empty(tmp_path)
    async with browser.get(back) as response:
        assert response.status == 200, "the true answer still counts"


async def test_another_host_name_is_refused(begin, browser: aiohttp.ClientSession) -> None:
    visit = await begin()
    async with browser.get(visit.url, headers={"Host": "rebound.example"}) as response:
        assert response.status == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_nothing_is_taken_from_forms(begin, browser: aiohttp.ClientSession, method: str) -> None:
    visit = await begin()
    async with browser.request(method, visit.url) as response:
        assert response.status == 405


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ({}, 404, "works once"),
        ({}, 422, "works once"),
        ({}, 403, "limits requests"),
        ({}, 500, "status 500"),
        ({}, 302, "redirects elsewhere"),
        ({"pem": None}, 201, "pem"),
        ({"webhook_secret": None}, 201, "webhook_secret"),
        ({"slug": "../../x"}, 201, "slug"),
    ],
)
async def test_an_exchange_that_fails_is_said_in_the_browser_and_in_the_terminal(
    begin,
    browser: aiohttp.ClientSession,
    github: GitHubStandIn,
    tmp_path: Path,
    answer: dict[str, object],
    status: int,
    reason: str,
) -> None:
    github.answer, github.status = answer, status
    visit = await begin()
    back = await press_the_button(browser, visit)
    async with browser.get(back) as response:
        assert response.status == 502
        assert reason in unescape(await response.text())
    with pytest.raises(ExchangeError, match=reason):
        await visit.task
    assert is_empty(tmp_path)


async def test_files_that_appeared_meanwhile_are_left_alone_and_the_code_is_not_spent(
    begin, browser: aiohttp.ClientSession, github: GitHubStandIn, tmp_path: Path
) -> None:
    visit = await begin()
    back = await press_the_button(browser, visit)
    Target(tmp_path).key.write_text("mine")
    async with browser.get(back) as response:
        assert response.status == 502
    with pytest.raises(AlreadyConfiguredError):
        await visit.task
    assert github.exchanged == []
    assert Target(tmp_path).key.read_text() == "mine"


async def test_the_command_goes_all_the_way(
    github: GitHubStandIn,
    host: GitHubHost,
    browser: aiohttp.ClientSession,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SKILL_FLEET_GITHUB_APP_ID", raising=False)
    loop = asyncio.get_running_loop()
    announced: asyncio.Future[str] = loop.create_future()
    monkeypatch.setattr(command, "_announce", lambda url: loop.call_soon_threadsafe(announced.set_result, url))
    words = ["setup", "--url", "https://bot.example", "--organization", "acme"]
    words += ["--github-api-url", host.api, "--folder", str(tmp_path)]
    running = asyncio.create_task(asyncio.to_thread(main, words))
    url = await announced
    back = await press_the_button(browser, Visit(running, url))
    async with browser.get(back) as response:
        assert response.status == 200
    assert await running == 0
    said = capsys.readouterr().out
    assert "skill-fleet serve" in said
    assert "/apps/skill-fleet-acme/installations/new" in said
    assert "0123456789abcdef" not in said
    assert await asyncio.to_thread(main, words) == 2
    assert "is there already" in capsys.readouterr().err


async def test_a_set_up_begun_on_a_static_page_is_finished_by_its_code(
    github: GitHubStandIn, host: GitHubHost, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "setup.html"
    words = ["setup", "--github-api-url", host.api, "--folder", str(tmp_path)]
    begin_words = [*words, "--url", "https://bot.example", "--static", str(page)]
    assert main([*begin_words, "--page-url", "https://bot.example/setup.html"]) == 0
    assert "https://bot.example/webhook" in page.read_text()
    github.codes.add("c0de" * 10)
    assert await asyncio.to_thread(main, [*words, "--code", "c0de" * 10]) == 0
    assert Target(tmp_path).environment.is_file()
    assert await asyncio.to_thread(main, [*words[:3], "--folder", str(page.parent), "--code", "c0de" * 10]) == 2


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "--url is needed"),
        (["--url", "http://bot.example"], "https"),
        (["--url", "https://bot.example", "--organization", "a/b"], "account name"),
        (["--url", "https://bot.example", "--name", "x" * 40], "34"),
        (["--url", "https://bot.example", "--github-api-url", "https://github.com"], "REST root"),
        (["--url", "https://bot.example", "--static", "page.html"], "--page-url"),
        (["--code", "../../user"], "not a code"),
    ],
)
def test_a_mistake_on_the_command_line_is_said_before_anything_is_made(
    words: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SKILL_FLEET_GITHUB_API_URL", raising=False)
    assert main(["setup", *words]) in {1, 2}
    assert reason in capsys.readouterr().err
    assert is_empty(tmp_path)


async def test_the_answer_counts_once(begin, browser: aiohttp.ClientSession, github: GitHubStandIn) -> None:
    visit = await begin()
    back = await press_the_button(browser, visit)
    answers = await asyncio.gather(*(browser.get(back) for _ in range(3)), return_exceptions=True)
    statuses = [answer.status for answer in answers if isinstance(answer, aiohttp.ClientResponse)]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 409}
    assert len(github.exchanged) == 1


def test_a_port_that_is_taken_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKILL_FLEET_GITHUB_APP_ID", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ["setup", "--url", "https://bot.example", "--folder", str(tmp_path), "--port", port]
        assert main(words) == 2
    assert f"127.0.0.1:{port}" in capsys.readouterr().err


async def test_a_github_that_cannot_be_reached_is_said_with_what_to_do(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ExchangeError, match="cannot be reached"):
            await exchange(session, github_host("http://127.0.0.1:9"), "c0de" * 5)
