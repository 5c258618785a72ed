"""The running service over HTTP: health, metrics, the API, and what it answers when its database fails."""

import asyncio
import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from sqlalchemy import event, text

from bot import health
from bot.api import Api
from bot.app import SERVICE, Parts, Service, create_app
from bot.jobs.job import JobStatus
from bot.jobs.ports import Steps
from bot.metrics import Metrics, names
from bot.reachability import Reachability
from bot.settings import Settings, load
from bot.store.database import BUSY_TIMEOUT_MS, configure_sqlite
from bot.store.inbox import SET_ASIDE
from bot.store.intake import SqliteIntake
from bot.store.stores import Stores
from pipeline.checkpoints import EventType, WorkflowEvent
from tests.jobs import NOON, make_job

SECRET = "0123456789abcdef"
TOKEN = {"Authorization": "Bearer a-token"}
Client = TestClient[web.Request, web.Application]


async def _compose(settings: Settings, stores: Stores, metrics: Metrics) -> Parts:
    async def advance(key: str, task: str, steps: Steps) -> None:
        rows = (await stores.jobs.load(key)).rows
        await stores.jobs.discard(key, done=[row.id for row in rows], task=task)

    return Parts(advance=advance)


@pytest.fixture
async def client(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 60)  # these tests are not about a slow machine
    settings = load(webhook_secret=SECRET, database_url=database_url, api_token="a-token", drain_seconds=1)
    app = create_app(settings, _compose, polling_seconds=0.02)
    async with TestClient(TestServer(app)) as client:
        yield client


def _service(client: Client) -> Service:
    assert client.app is not None
    return client.app[SERVICE]


async def _deliver(client: Client, delivery: str) -> int:
    body = json.dumps({"action": "edited", "issue": {"number": 1}, "repository": {"id": 7}, "sender": {}}).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
    }
    async with client.post("/webhook", data=body, headers=headers) as response:
        return response.status


async def test_health_says_what_works(client: Client) -> None:
    async with client.get("/livez") as response:
        assert response.status == 200
    async with client.get("/readyz") as response:
        told = await response.json()
        assert (response.status, told["status"]) == (200, "ready")
        assert {"engine", "database", "migrations", "backlog"} <= told["checks"].keys()


async def test_whoever_is_away_degrades_the_service_and_does_not_stop_it(client: Client) -> None:
    async def away() -> str:
        return "no answer in time"

    service = _service(client)
    service.reachability = Reachability({"model": away})
    await service.reachability.ask()
    async with client.get("/readyz") as response:
        told = await response.json()
        assert (response.status, told["checks"]["model"]) == (200, "degraded: no answer in time")
    assert await _deliver(client, "d1") == 202


async def test_a_stopping_service_is_not_ready_and_takes_no_deliveries(client: Client) -> None:
    _service(client).stopping = True
    async with client.get("/readyz") as response:
        assert response.status == 503
    assert await _deliver(client, "d1") == 503
    _service(client).stopping = False


async def test_every_metric_is_shown_under_its_documented_name(client: Client) -> None:
    await _service(client).stores.jobs.save(make_job(1, status=JobStatus.FAILED), rev=0, done=[], task="t")
    assert await _deliver(client, "d1") == 202
    async with client.get("/metrics") as response:
        shown = await response.text()
    assert 'skill_fleet_jobs{status="failed"} 1.0' in shown
    assert 'skill_fleet_deliveries_total{event="issues",status="202"} 1.0' in shown
    declared = {line.split()[2] for line in shown.splitlines() if line.startswith("# TYPE")}
    assert set(names()) <= declared


async def test_the_api_shows_jobs_to_those_with_the_token_only(client: Client) -> None:
    service = _service(client)
    await service.stores.jobs.save(make_job(1, title="A skill"), rev=0, done=[], task="t")
    for path in ("/api/jobs", "/api/jobs/acme/skills/1", "/api/jobs/acme/skills/1/events"):
        async with client.get(path) as response:
            assert response.status == 401
        async with client.get(path, headers={"Authorization": "Bearer ünlocked"}) as response:
            assert response.status == 401
    async with client.get("/api/jobs?status=queued&owner=acme", headers=TOKEN) as response:
        told = await response.json()
    assert [job["title"] for job in told["jobs"]] == ["A skill"]
    assert "Do a thing" not in json.dumps(told), "the request's text is not shown"
    async with client.get("/api/jobs/acme/skills/1", headers=TOKEN) as response:
        assert (await response.json())["status"] == "queued"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/jobs?status=lost", 400),
        ("/api/jobs?limit=0", 400),
        ("/api/jobs?limit=many", 400),
        ("/api/jobs?before=2026-01-01T00:00:00", 400),
        ("/api/jobs?before=noon", 400),
        ("/api/jobs?owner=%00", 400),
        ("/api/jobs/%00/skills/1", 400),
        ("/api/jobs?before=0001-01-01T00:00:00%2B23:00", 400),
        ("/api/jobs/acme/skills/99", 404),
        ("/api/jobs/acme/skills/99999999999999999999", 404),
        ("/api/jobs/acme/skills/0", 404),
    ],
)
async def test_bad_questions_are_answered_clearly(client: Client, path: str, status: int) -> None:
    async with client.get(path, headers=TOKEN) as response:
        assert response.status == status


async def test_events_of_a_job_are_streamed_from_where_one_left_off_until_it_ends(client: Client) -> None:
    stores = _service(client).stores
    await stores.jobs.save(make_job(1), rev=0, done=[], task="t")
    events = [WorkflowEvent(type=kind, phase="generation", message=kind.value, at=NOON) for kind in EventType]
    await stores.timeline.add([("7:1", happened) for happened in events[:-1]])
    path = "/api/jobs/acme/skills/1/events"
    async with client.get(path, headers={**TOKEN, "Last-Event-ID": "9" * 30}) as response:
        assert response.status == 200
    async with client.get(path, headers={**TOKEN, "Last-Event-ID": "1"}) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        first = await response.content.readuntil(b"\n\n")
        assert first.startswith(b"id: 2\nevent: phase_end\ndata: {")
        await stores.timeline.add([("7:1", events[-1])])
        ended = make_job(1, status=JobStatus.PROMOTED, updated_at=datetime.now(UTC))
        await stores.jobs.save(ended, rev=1, done=[], task="t2")
        async with asyncio.timeout(60):
            rest = await response.content.read()
    assert rest.count(b"\nevent: ") == len(events) - 1, "all but the two that were known or read, and the end"
    assert rest.endswith(b"event: end\ndata: {}\n\n")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_stream_whose_reader_is_gone_looks_no_longer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = _service(client).stores
    await stores.jobs.save(make_job(1), rev=0, done=[], task="t")
    monkeypatch.setattr("bot.api.STREAM_POLL_SECONDS", 0.01)
    monkeypatch.setattr("bot.api.HEARTBEAT_SECONDS", 3_600)
    request = make_mocked_request("GET", "/")
    assert request.transport is not None
    leaves = iter([False, False, True])
    monkeypatch.setattr(request.transport, "is_closing", lambda: next(leaves))
    async with asyncio.timeout(60):
        assert [found async for found in Api(stores, "", lambda: True)._followed("7:1", 0, request)] == []
    assert next(leaves, None) is None


def _break_with(service: Service, pragma: str) -> Callable[[], None]:
    """Every connection of ours gets this pragma, and the intake's next ones, too; the result ends that."""
    engine = service.stores.database.engine.sync_engine
    patch = pytest.MonkeyPatch()

    def spoil(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA {pragma}")

    def configured(connection: sqlite3.Connection) -> None:
        configure_sqlite(connection)
        spoil(connection)

    event.listen(engine, "checkout", spoil)
    patch.setattr("bot.store.intake.configure_sqlite", configured)
    assert isinstance(service.storing, SqliteIntake)
    spoil(service.storing.connected())

    def mend() -> None:
        event.remove(engine, "checkout", spoil)
        patch.undo()

    return mend


CANNOT = "failed: events cannot be stored:"


async def _told_of_the_database(client: Client) -> tuple[int, str]:
    """What /readyz says, looked at now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(health, "FRESH_SECONDS", 0)
        async with client.get("/readyz") as response:
            return response.status, (await response.json())["checks"]["database"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_read_only_database_is_a_503_until_it_can_be_written_again(client: Client) -> None:
    mend = _break_with(_service(client), "query_only=ON")
    assert await _deliver(client, "d1") == 503
    assert await _told_of_the_database(client) == (503, f"{CANNOT} attempt to write a readonly database")
    mend()
    mend = _break_with(_service(client), "query_only=OFF")
    assert await _told_of_the_database(client) == (200, "ok"), "without a delivery that shows it"
    assert await _deliver(client, "d1") == 202
    mend()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_full_disk_is_a_503_until_there_is_room(client: Client) -> None:
    service = _service(client)
    async with service.stores.database.engine.connect() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
    mend = _break_with(service, f"max_page_count={pages}")
    statuses = {await _deliver(client, f"d{n}") for n in range(200)}
    assert statuses == {202, 503}
    assert await _told_of_the_database(client) == (503, f"{CANNOT} database or disk is full")
    mend()
    mend = _break_with(service, "max_page_count=1073741823")
    assert await _deliver(client, "again") == 202
    mend()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_locked_database_is_a_503_and_the_redelivery_is_stored_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = _service(client)
    monkeypatch.setattr(service.intake, "_patience", 0.3)
    other = sqlite3.connect(service.stores.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await _deliver(client, "d1") == 503
    other.execute("COMMIT")
    async with asyncio.timeout(60):
        while await _deliver(client, "d1") != 202:
            pass
    assert len(await service.stores.inbox.list_entries(state="all")) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_database_that_is_locked_for_half_a_minute_is_waited_out(client: Client) -> None:
    """In real time: longer than any writer waits for its turn, and than SQLite itself waits for the lock."""
    service = _service(client)
    other = sqlite3.connect(service.stores.database.path, isolation_level=None)
    assert await _deliver(client, "before") == 202
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    refused = 0
    while time.monotonic() - began < BUSY_TIMEOUT_MS / 1_000 + 1:
        assert await _deliver(client, f"d{refused}") == 503
        assert (await client.get("/livez")).status == 200
        assert await _told_of_the_database(client) == (503, f"{CANNOT} TimeoutError")
        refused += 1
    assert refused >= 2, "nobody waits for an answer until the lock is gone"
    other.execute("COMMIT")
    assert await _told_of_the_database(client) == (200, "ok")
    for number in range(refused):
        async with asyncio.timeout(60):
            while await _deliver(client, f"d{number}") != 202:
                pass
    service.dispatcher.clock = lambda: datetime.now(UTC) + timedelta(minutes=5)
    await _until_closed(service.stores)
    rows = await service.stores.inbox.list_entries(state="all")
    assert sorted(row.delivery for row in rows if row.key != "probe") == ["before", *(f"d{n}" for n in range(refused))]
    assert SET_ASIDE not in {row.done_by for row in rows}


async def test_a_corrupted_event_harms_no_other_of_its_job(client: Client) -> None:
    service = _service(client)
    assert await _deliver(client, "good") == 202
    async with service.stores.database.engine.begin() as connection:
        await connection.execute(text("UPDATE inbox SET body = :body, done_by = NULL"), {"body": b"\xff\xfe\x00 {"})
    assert await _deliver(client, "next") == 202
    await _until_closed(service.stores)


async def _until_closed(stores: Stores) -> None:
    async with asyncio.timeout(60):
        while (await stores.inbox.backlog()).open:
            await asyncio.sleep(0.02)


Deliver = Callable[[Client, str], Awaitable[int]]
