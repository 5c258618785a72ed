"""POST /webhook over real HTTP: what is answered to what, and what is stored."""

import asyncio
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy.exc import OperationalError

from bot.store.inbox import NewEvent, StoredEvent
from bot.webhooks import MAX_BODY, GroupCommit, Webhook, keyed

SECRETS = (b"the-old-secret-0123", b"the-new-secret-4567")
ISSUE = {
    "action": "opened",
    "issue": {"number": 5},
    "repository": {"id": 7},
    "installation": {"id": 3},
    "sender": {"login": "ada", "type": "User"},
}


@dataclass
class Store:
    """An inbox in memory that can be told to fail."""

    stored: list[NewEvent] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    failure: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def add(self, events: Sequence[NewEvent]) -> list[StoredEvent]:
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.batches.append(len(events))
        known = {event.delivery for event in self.stored}
        new: list[StoredEvent] = []
        for event in events:
            if event.delivery not in known:
                known.add(event.delivery)
                self.stored.append(event)
                new.append(StoredEvent(len(self.stored), event.key, event))
        return new


@dataclass
class Intake:
    client: TestClient[web.Request, web.Application]
    store: Store
    counted: list[tuple[str, str]]
    state: dict[str, bool]

    async def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        async with self.client.post("/webhook", data=body, headers=headers) as response:
            return response.status, (await response.json())["result"]


@pytest.fixture
async def intake() -> AsyncIterator[Intake]:
    store, counted, state = Store(), list[tuple[str, str]](), {"open": True}
    store.gate.set()
    group = GroupCommit(store, lambda events: None)
    app = web.Application(client_max_size=MAX_BODY)
    handler = Webhook(
        keyed(SECRETS), group.put, lambda event, status, _: counted.append((event, status)), lambda: state["open"]
    )
    app.router.add_post("/webhook", handler.handle)
    async with TestClient(TestServer(app)) as client:
        yield Intake(client, store, counted, state)


def headers(body: bytes, secret: bytes = SECRETS[0], **changes: str | None) -> dict[str, str]:
    values: dict[str, str | None] = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return {name: value for name, value in values.items() if value is not None}


BODY = json.dumps(ISSUE).encode()


@pytest.mark.parametrize("secret", SECRETS)
async def test_a_delivery_signed_with_any_valid_secret_is_stored(intake: Intake, secret: bytes) -> None:
    assert await intake.post(BODY, headers(BODY, secret)) == (202, "stored")
    [event] = intake.store.stored
    assert (event.key, event.event, event.action, event.body) == ("7:5", "issues", "opened", BODY)
    assert (event.repo_id, event.installation_id) == (7, 3)
    assert intake.counted == [("issues", "202")]


async def test_the_same_delivery_again_is_accepted_and_changes_nothing(intake: Intake) -> None:
    await intake.post(BODY, headers(BODY))
    assert await intake.post(BODY, headers(BODY)) == (202, "known already")
    assert len(intake.store.stored) == 1


REFUSED: list[tuple[str, int, bytes, dict[str, str | None]]] = [
    ("no signature", 401, BODY, {"X_Hub_Signature_256": None}),
    ("an empty signature", 401, BODY, {"X_Hub_Signature_256": ""}),
    ("a SHA-1 signature only", 401, BODY, {"X_Hub_Signature_256": None, "X_Hub_Signature": "sha1=" + "0" * 40}),
    ("a truncated signature", 401, BODY, {"X_Hub_Signature_256": "sha256=abcd"}),
    ("a signature of something else", 401, BODY, {"X_Hub_Signature_256": "sha256=" + "0" * 64}),
    ("a signature that is not hex", 401, BODY, {"X_Hub_Signature_256": "sha256=" + "z" * 64}),
    ("a signature outside ASCII", 401, BODY, {"X_Hub_Signature_256": "sha256=" + "é" * 64}),
    ("no event name", 400, BODY, {"X_GitHub_Event": None}),
    ("an event name outside ASCII", 400, BODY, {"X_GitHub_Event": "issués"}),
    ("no delivery id", 400, BODY, {"X_GitHub_Delivery": None}),
    ("an endless delivery id", 400, BODY, {"X_GitHub_Delivery": "a" * 500}),
    ("no content type", 415, BODY, {"Content_Type": "application/octet-stream"}),
    ("a form", 415, BODY, {"Content_Type": "application/x-www-form-urlencoded"}),
    ("an encoding we do not know", 415, BODY, {"Content_Encoding": "zstd-like"}),
]


@pytest.mark.parametrize(("what", "status", "body", "changes"), REFUSED, ids=[case[0] for case in REFUSED])
async def test_a_malformed_delivery_is_refused_clearly(
    intake: Intake, what: str, status: int, body: bytes, changes: dict[str, str | None]
) -> None:
    got, reason = await intake.post(body, headers(body, **changes))
    assert got == status, reason
    assert len(reason) > 20
    assert intake.store.stored == []


SIGNED_NONSENSE: list[tuple[str, int, bytes]] = [
    ("an empty body", 400, b""),
    ("no JSON", 400, b"{"),
    ("not UTF-8", 400, b'{"a": "\xff"}'),
    ("a JSON list", 400, b"[1, 2]"),
    ("a JSON number", 400, b"1"),
    ("JSON nested without end", 400, b"[" * 100_000),
    ("JSON nested deeply", 400, b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
    ("an issue whose number is none", 422, b'{"action":"opened","repository":{"id":7},"issue":{"number":NaN}}'),
    ("an issue without a number", 422, b'{"action":"opened","repository":{"id":7},"issue":{}}'),
    ("an issue without a repository", 422, b'{"action":"opened","issue":{"number":1}}'),
    ("an issue whose number is a text", 422, b'{"action":"opened","repository":{"id":7},"issue":{"number":"1"}}'),
]


@pytest.mark.parametrize(("what", "status", "body"), SIGNED_NONSENSE, ids=[case[0] for case in SIGNED_NONSENSE])
async def test_a_signed_body_that_makes_no_sense_is_refused_clearly(
    intake: Intake, what: str, status: int, body: bytes
) -> None:
    got, reason = await intake.post(body, headers(body))
    assert got == status, reason
    assert intake.store.stored == []


async def test_a_compressed_body_is_refused_whatever_it_holds(intake: Intake) -> None:
    packed = gzip.compress(BODY)
    status, reason = await intake.post(packed, headers(packed, Content_Encoding="gzip"))
    assert (status, "Content-Encoding" in reason) == (415, True)


async def test_a_body_declared_too_large_is_refused_before_it_is_read(intake: Intake) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", intake.client.port)
    lines = [f"{name}: {value}" for name, value in headers(BODY).items()]
    request = ["POST /webhook HTTP/1.1", "Host: localhost", f"Content-Length: {MAX_BODY + 1}", *lines, "", ""]
    writer.write("\r\n".join(request).encode())
    assert b" 413 " in await reader.readline()
    writer.close()


async def test_a_body_that_grows_too_large_is_cut_off(intake: Intake) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(60):
            yield b" " * 500_000

    async with intake.client.post("/webhook", data=endless(), headers=headers(BODY)) as response:
        assert response.status == 413
    assert intake.store.stored == []


async def test_a_large_delivery_within_the_limit_is_stored(intake: Intake) -> None:
    body = json.dumps({**ISSUE, "padding": "x" * 20_000_000}).encode()
    assert await intake.post(body, headers(body)) == (202, "stored")


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("push", {"repository": {"id": 7}}),
        ("push", {"ref": "refs/heads/topic", "repository": {"id": 7, "default_branch": "main"}}),
        ("issues", {**ISSUE, "action": "pinned"}),
        ("issues", {**ISSUE, "action": None}),
        ("skill_fleet", {**ISSUE, "action": "timer"}),
        ("issue_comment", {**ISSUE, "action": "created", "sender": {"type": "Bot"}}),
    ],
)
async def test_events_that_change_no_request_are_answered_and_forgotten(
    intake: Intake, event: str, payload: dict[str, object]
) -> None:
    body = json.dumps(payload).encode()
    status, reason = await intake.post(body, headers(body, X_GitHub_Event=event))
    assert (status, reason.startswith("ignored")) == (202, True)
    assert intake.store.stored == []


async def test_of_a_push_to_the_default_branch_only_its_place_and_its_paths_are_stored(intake: Intake) -> None:
    repository = {"id": 7, "name": "skills", "owner": {"login": "acme"}, "default_branch": "main"}
    commits = [{"message": "x" * 9_000, "added": ["a.md"], "modified": [], "removed": []}]
    push = {"ref": "refs/heads/main", "repository": repository, "installation": {"id": 3}, "commits": commits}
    body = json.dumps(push).encode()
    assert await intake.post(body, headers(body, X_GitHub_Event="push")) == (202, "stored")
    [stored] = intake.store.stored
    assert (stored.key, stored.repo_id, stored.installation_id) == ("repository:7", 7, 3)
    assert json.loads(stored.body)["pushed"] == {"paths": ["a.md"]}
    assert len(stored.body) < 300
    bare = json.dumps({**push, "repository": {"id": 7, "default_branch": "main"}}).encode()
    assert (await intake.post(bare, headers(bare, X_GitHub_Event="push")))[0] == 422


async def test_a_ping_is_answered(intake: Intake) -> None:
    assert await intake.post(b'{"zen":"x"}', headers(b'{"zen":"x"}', X_GitHub_Event="ping")) == (200, "pong")


@pytest.mark.parametrize("failure", [OperationalError("INSERT", {}, Exception("disk full")), OSError("gone")])
async def test_what_cannot_be_stored_is_answered_503(intake: Intake, failure: Exception) -> None:
    intake.store.failure = failure
    assert (await intake.post(BODY, headers(BODY)))[0] == 503
    intake.store.failure = None
    assert await intake.post(BODY, headers(BODY)) == (202, "stored")


async def test_a_stopping_service_takes_nothing(intake: Intake) -> None:
    intake.state["open"] = False
    assert (await intake.post(BODY, headers(BODY)))[0] == 503


async def test_deliveries_that_wait_at_the_same_time_share_a_transaction(intake: Intake) -> None:
    intake.store.gate.clear()
    posts = [asyncio.create_task(intake.post(BODY, headers(BODY, X_GitHub_Delivery=f"d-{n % 30}"))) for n in range(40)]
    await _until(lambda: len(intake.counted) == 0 and intake.client.server is not None, posts)
    intake.store.gate.set()
    answers = [await post for post in posts]
    assert {status for status, _ in answers} == {202}
    assert sorted(result for _, result in answers).count("known already") == 10
    assert len(intake.store.stored) == 30
    assert len(intake.store.batches) < 40


async def test_a_store_that_hangs_is_answered_503_and_what_it_does_later_harms_nobody() -> None:
    store, told = Store(), list[StoredEvent]()
    group = GroupCommit(store, told.extend, patience=0.05)
    first = asyncio.create_task(group.put(_event("a")))
    await asyncio.sleep(0)
    second = asyncio.create_task(group.put(_event("b")))
    for waiting in (first, second):
        with pytest.raises(TimeoutError):
            await waiting
    store.gate.set()
    assert not await group.put(_event("a"))
    assert [event.delivery for event in store.stored] == ["a", "b"]
    assert [new.event.delivery for new in told] == ["a", "b"]


async def test_a_full_queue_refuses_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.webhooks.LONGEST_QUEUE", 2)
    store = Store()
    group = GroupCommit(store, lambda _: None)
    waiting = [asyncio.create_task(group.put(_event(name))) for name in "abc"]
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError, match="too many deliveries"):
        await waiting[2]
    store.gate.set()
    assert await asyncio.gather(*waiting[:2]) == [True, True]


def _event(delivery: str) -> NewEvent:
    return NewEvent(delivery, "7:5", "issues", "opened", BODY)


async def _until(ready: Callable[[], bool], tasks: Sequence[asyncio.Task[tuple[int, str]]]) -> None:
    """Let the requests reach the gate: each turn of the loop brings them further."""
    for _ in range(200):
        await asyncio.sleep(0)
    assert ready()
    assert not any(task.done() for task in tasks)


async def test_a_sender_that_hangs_up_mid_way_harms_nobody(intake: Intake) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", intake.client.port)
    lines = [f"{name}: {value}" for name, value in headers(BODY).items()]
    writer.write("\r\n".join(["POST /webhook HTTP/1.1", "Host: h", "Content-Length: 999", *lines, "", "{"]).encode())
    await writer.drain()
    writer.close()
    assert await intake.post(BODY, headers(BODY)) == (202, "stored")
    assert len(intake.store.stored) == 1


Sender = Callable[[ClientSession], Awaitable[int]]
