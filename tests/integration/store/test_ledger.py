"""What reconciliation asks of the tables, on both databases."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from bot.github.missed import SyntheticDelivery
from bot.jobs.job import JobStatus
from bot.store.inbox import NewEvent
from bot.store.jobs import pull_key
from bot.store.ledger import SqlLedger
from bot.store.stores import Stores
from tests.jobs import NOON, make_job, make_pull

NOW = datetime.now(UTC)


async def test_jobs_that_may_still_change_are_watched(stores: Stores) -> None:
    pull = {"pull": make_pull(40), "updated_at": NOW}
    cases: list[tuple[int, dict[str, Any], bool]] = [
        (1, {"status": JobStatus.PENDING_HITL, "updated_at": NOON}, True),
        (2, {"status": JobStatus.PROMOTED, **pull}, False),
        (3, {"status": JobStatus.CANCELLED, "updated_at": NOW}, False),
        (4, {"status": JobStatus.REJECTED, "pull": make_pull(44), "updated_at": NOW}, True),
        (5, {"status": JobStatus.REJECTED, "pull": make_pull(45), "updated_at": NOW - timedelta(days=31)}, False),
    ]
    for number, changes, _ in cases:
        await stores.jobs.save(make_job(number).with_(**changes), rev=0, done=[], task="t")
    ledger = SqlLedger(stores)
    assert [job.issue_number for job in await ledger.watched(7)] == [number for number, _, kept in cases if kept]
    assert await ledger.watched(8) == []
    found = await ledger.find("7:1")
    assert found is not None
    assert found.status is JobStatus.PENDING_HITL
    assert await ledger.find("7:99") is None


async def test_words_are_known_by_their_id_on_the_issue_and_on_its_pull_request(stores: Stores) -> None:
    await stores.jobs.save(make_job(1).with_(pull=make_pull(40)), rev=0, done=[], task="t")
    rows = [
        ("7:1", "issue_comment", "created", {"comment": {"id": 5}}),
        (pull_key(7, 40), "issue_comment", "created", {"comment": {"id": 6}}),
        ("7:1", "pull_request_review", "submitted", {"review": {"id": 7, "state": "commented"}}),
        ("7:1", "pull_request_review_comment", "created", {"comment": {"id": 8}}),
        ("7:1", "issues", "opened", {"issue": {"number": 1}}),
        ("7:1", "issue_comment", "created", {"comment": "not one"}),
        ("7:2", "issue_comment", "created", {"comment": {"id": 9}}),
    ]
    await stores.inbox.add(
        [
            NewEvent(delivery=f"d{number}", key=key, event=event, action=action, body=json.dumps(payload).encode())
            for number, (key, event, action, payload) in enumerate(rows)
        ]
    )
    assert await SqlLedger(stores).heard("7:1") == {
        "issue_comment:5",
        "issue_comment:6",
        "pull_request_review:7",
        "pull_request_review_comment:8",
    }


async def test_asking_for_the_words_of_a_job_uses_an_index(stores: Stores) -> None:
    if not stores.database.is_sqlite:
        return
    query = "SELECT event, body FROM inbox WHERE key IN ('7:1') AND event IN ('issue_comment', 'pull_request_review', "
    async with stores.database.engine.connect() as connection:
        plan = (await connection.execute(text(f"EXPLAIN QUERY PLAN {query}'pull_request_review_comment')"))).fetchall()
    assert any("ix_inbox_talk" in row[-1] for row in plan)


async def test_what_was_missed_becomes_an_open_row_once(stores: Stores) -> None:
    payload: dict[str, Any] = {"action": "closed", "repository": {"id": 7}, "issue": {"number": 1}}
    delivery = SyntheticDelivery("reconcile:issues.closed:7:1", "issues", "closed", payload, 7, 3)
    ledger = SqlLedger(stores)
    assert await ledger.deliver(delivery)
    assert not await ledger.deliver(delivery)
    (row,) = await stores.inbox.open_rows("7:1")
    assert (row.event, row.action, json.loads(row.body)) == ("issues", "closed", payload)
