"""Who may see the jobs pages and press their buttons, over HTTP and without script."""

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from html import unescape
from typing import Any

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from bot.api import add_api
from bot.figures.overview import look
from bot.health import add_health
from bot.job_pages.site import _TEMPLATES, add_job_pages
from bot.jobs.job import JobStatus
from bot.metrics import Metrics
from bot.settings import load
from bot.store.database import open_database
from bot.store.inbox import NewEvent
from bot.store.stores import Stores
from tests.jobs import NOON, make_job

TOKEN = "an-api-token"
LONG_AGO = "2020-01-01T00:00:00+00:00"
Client = TestClient[web.Request, web.Application]
Serving = Callable[..., AbstractAsyncContextManager[Client]]


STORES = web.AppKey("STORES", Stores)


@pytest.fixture
def serving(sqlite_url: str) -> Serving:
    """The service's pages, metrics and API over a database, without an engine: what is ordered stays in the inbox."""

    @asynccontextmanager
    async def serve(**changes: Any) -> AsyncIterator[Client]:
        settings = load(webhook_secret="0" * 32, database_url=sqlite_url, **changes)
        stores = Stores.over(open_database(sqlite_url))
        await stores.migrate()
        app = web.Application()
        app[STORES] = stores

        async def put(event: NewEvent) -> None:
            await stores.inbox.add([event])

        add_health(app, stores, Metrics(), lambda: "ready")
        add_api(app, stores, settings.api_token.get_secret_value())
        add_job_pages(app, stores, settings, put, lambda: True)
        await stores.jobs.save(make_job(1, title="<b>One</b>"), rev=0, done=[], task="t")
        await stores.jobs.save(make_job(2, status=JobStatus.FAILED, title="Two"), rev=0, done=[], task="t")
        async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
            yield client
        await stores.database.close()

    return serve


async def _page(client: Client, path: str, **headers: str) -> tuple[int, str, str]:
    async with client.get(path, headers=headers) as answer:
        return answer.status, answer.url.path, await answer.text()


async def _send(client: Client, path: str, fields: dict[str, str], **headers: str) -> tuple[int, str, str]:
    async with client.post(path, data=fields, headers=headers) as answer:
        return answer.status, answer.url.path, await answer.text()


def _token(page: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


async def _ordered(client: Client) -> list[tuple[str, str]]:
    assert client.app is not None
    entries = await client.app[STORES].inbox.list_entries(state="all")
    return [(entry.key, entry.action) for entry in entries if entry.action != "work"]


async def test_the_templates_are_read_before_anybody_asks(serving: Serving) -> None:
    async with serving() as client:
        app = client.app
        assert app is not None
    assert {"jobs.html", "job.html", "confirm.html"} <= {name for _, name in app[_TEMPLATES].cache}


async def test_on_loopback_the_pages_are_open_and_harmless(serving: Serving) -> None:
    async with serving() as client, client.get("/jobs") as answer:
        assert answer.status == 200
        text = await answer.text()
        assert "&lt;b&gt;One&lt;/b&gt;" in text and "<b>One" not in text
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy
        [cookie] = answer.cookies.values()
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/jobs")
        assert not re.search(r"<script(?! src)|\son\w+=|style=", text)
        times = re.findall(r"<time[^>]*>([^<]*)<", text)
        assert times and all(time.endswith(" UTC") for time in times)


@pytest.mark.parametrize(
    "headers",
    [{"Host": "skills.example.com"}, {"X-Forwarded-For": "203.0.113.9"}, {"Forwarded": "for=203.0.113.9"}],
    ids=["another name", "passed on by a proxy", "passed on, said the new way"],
)
async def test_what_does_not_come_from_this_machine_is_not_at_home(serving: Serving, headers: dict[str, str]) -> None:
    async with serving() as client:
        assert (await _page(client, "/jobs", **headers))[0] == 404
        assert (await _page(client, "/jobs/acme/skills/1/live", **headers))[0] == 404
    async with serving(api_token=TOKEN) as client:
        status, at, page = await _page(client, "/jobs/acme/skills/1", **headers)
        assert (status, at) == (200, "/jobs/login")
        assert "One" not in page


async def test_off_loopback_there_are_no_pages_without_a_token(serving: Serving) -> None:
    async with serving(host="0.0.0.0") as client:
        for path in ("/jobs", "/jobs/acme/skills/1", "/jobs/live", "/jobs/login", "/jobs/acme/skills/1/cancel"):
            assert (await _page(client, path))[0] == 404
        assert (await _send(client, "/jobs/login", {"api_token": ""}))[0] == 404


async def test_off_loopback_the_token_is_asked_for_once_and_never_shown(serving: Serving) -> None:
    async with serving(host="0.0.0.0", api_token=TOKEN) as client:
        status, at, page = await _page(client, "/jobs/acme/skills/2?x=1")
        assert (status, at) == (200, "/jobs/login")
        found = re.search(r'name="next" value="([^"]*)"', page)
        assert found
        following = unescape(found[1])
        assert (await _send(client, "/jobs/login", {"api_token": "guess", "next": following}))[0] == 403
        status, at, page = await _send(client, "/jobs/login", {"api_token": TOKEN, "next": following})
        assert (status, at) == (200, "/jobs/acme/skills/2")
        [cookie] = client.session.cookie_jar
        assert TOKEN not in cookie.value and TOKEN not in page
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")
        assert (await _page(client, "/jobs"))[1] == "/jobs"
        assert (await _send(client, "/jobs/logout", {"token": _token(page)}))[1] == "/jobs/login"
        assert (await _page(client, "/jobs"))[1] == "/jobs/login"
        assert (await _page(client, "/jobs", Authorization=f"Bearer {TOKEN}"))[1] == "/jobs", "scripts may look, too"


@pytest.mark.parametrize(
    "forged", ["", "1.x.0", "99999999999.x.0", "x", "1700000000.abc." + "0" * 64, "NOW.abc." + "0" * 64, "NOW.abc."]
)
async def test_a_forged_session_opens_nothing(serving: Serving, forged: str) -> None:
    async with serving(host="0.0.0.0", api_token=TOKEN) as client:
        value = forged.replace("NOW", str(int(time.time())))
        cookie = f"skill_fleet_{client.port}={value}"
        assert (await _page(client, "/jobs", Cookie=cookie))[1] == "/jobs/login"


async def test_logging_in_leads_nowhere_else_and_guessing_is_slowed_down(serving: Serving) -> None:
    async with serving(host="0.0.0.0", api_token=TOKEN) as client:
        for elsewhere in ("https://evil.example/", "//evil.example", "/webhook", "/jobs.evil"):
            async with client.post(
                "/jobs/login", data={"api_token": TOKEN, "next": elsewhere}, allow_redirects=False
            ) as answer:
                assert answer.headers["Location"] == "/jobs"
        statuses = [(await _send(client, "/jobs/login", {"api_token": "guess"}))[0] for _ in range(22)]
        assert statuses == [403] * 20 + [429] * 2
        assert (await _send(client, "/jobs/login", {"api_token": TOKEN}))[0] == 429


async def test_an_order_wants_a_form_of_ours(serving: Serving) -> None:
    async with serving() as client:
        _, _, page = await _page(client, "/jobs/acme/skills/1/cancel")
        token, path = _token(page), "/jobs/acme/skills/1/cancel"
        for fields, headers in (
            ({}, {}),
            ({"token": "0" * 64}, {}),
            ({"token": token}, {"Sec-Fetch-Site": "cross-site"}),
            ({"token": token}, {"Origin": "https://evil.example"}),
        ):
            assert (await _send(client, path, fields, **headers))[0] == 403
        client.session.cookie_jar.clear()
        assert (await _send(client, path, {"token": token}))[0] == 403, "another browser's token"
        assert await _ordered(client) == []


async def test_what_fits_is_ordered_once_and_what_does_not_is_refused(serving: Serving) -> None:
    async with serving() as client:
        for number, order in ((1, "cancel"), (2, "retry")):
            path = f"/jobs/acme/skills/{number}/{order}"
            status, at, _ = await _send(client, path, {"token": _token((await _page(client, path))[2])})
            assert (status, at) == (200, f"/jobs/acme/skills/{number}")
        assert sorted(await _ordered(client)) == [("7:1", "cancel"), ("7:2", "run_again")]
        _, _, page = await _page(client, "/jobs/acme/skills/1")
        assert "/jobs/acme/skills/1/retry" not in page, "a queued job has nothing to retry"
        path = "/jobs/acme/skills/1/retry"
        status, _, page = await _send(client, path, {"token": _token((await _page(client, path))[2])})
        assert status == 409 and "nothing to retry" in page


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/jobs?status=lost", 400),
        ("/jobs?order=random", 400),
        ("/jobs?repository=acme", 400),
        ("/jobs?after=noon~7:1", 400),
        (f"/jobs?after={LONG_AGO.replace('+', '%2B')}~7:1", 200),
        ("/jobs?repository=acme/skills&status=people&order=waiting", 200),
        ("/jobs/acme/skills/77", 404),
        ("/jobs/acme/skills/99999999999999", 404),
        ("/jobs/acme/skills/1/delete", 404),
        ("/jobs/static/style.css", 200),
        ("/jobs/static/jobs.css", 200),
        ("/jobs/static/..%2f__init__.py", 404),
    ],
)
async def test_an_address_that_means_nothing_is_said_to(serving: Serving, path: str, status: int) -> None:
    async with serving() as client:
        assert (await _page(client, path))[0] == status


async def test_the_list_goes_on_where_it_stopped_and_shows_each_job_once(serving: Serving) -> None:
    async with serving() as client:
        assert client.app is not None
        stores = client.app[STORES]
        for number in range(3, 63):
            job = make_job(number, status=JobStatus.PENDING_HITL, waiting_since=NOON, title=f"Job {number}")
            await stores.jobs.save(job, rev=0, done=[], task="t")
        for order, expected in (("", 62), ("?order=waiting", 60)):
            seen, path = list[str](), f"/jobs{order}"
            while path:
                _, _, page = await _page(client, path)
                seen += re.findall(r'href="/jobs/acme/skills/(\d+)"', page)
                following = re.search(r'href="([^"]+)" rel="next"', page)
                path = unescape(following[1]) if following else ""
            assert len(seen) == len(set(seen)) == expected


async def test_the_pages_the_metrics_and_the_api_say_the_same(serving: Serving) -> None:
    async with serving(api_token=TOKEN) as client:
        assert client.app is not None
        now = await look(client.app[STORES])
        async with client.get("/api/figures", headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
            told = await answer.json()
        assert told["now"] == now.model_dump(mode="json")
        assert len(told["days"]) == 30
        _, _, metrics = await _page(client, "/metrics")
        _, _, page = await _page(client, "/jobs")
        for status in (JobStatus.QUEUED, JobStatus.FAILED):
            assert now.counts[status] == 1
            assert f'skill_fleet_jobs{{status="{status.value}"}} 1.0' in metrics
            assert re.search(rf'href="/jobs\?status={status.value}"><strong>1</strong>', page)
        async with client.get(
            "/api/jobs/acme/skills/2/account", headers={"Authorization": f"Bearer {TOKEN}"}
        ) as answer:
            account = await answer.json()
        assert account["summary"]["status"] == "failed"
        assert [stretch["status"] for stretch in account["stretches"]] == ["failed"]
