"""Every query of the running service is served by an index: no plan may walk a whole table."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from bot.jobs.job import JobStatus
from bot.store import intake
from bot.store.keys import pull_key
from bot.store.spending import Spending
from bot.store.stores import Stores
from pipeline.runtime import ModuleCall, StoredResult
from tests.jobs import NOON, make_job

LATER = NOON + timedelta(days=1)


async def _answer() -> StoredResult:
    return StoredResult(outputs={})


async def _call(stores: Stores) -> object:
    return await stores.calls("7:1").once(ModuleCall(phase="generation", module="M", key="k"), _answer)


QUERIES: dict[str, Callable[[Stores], Awaitable[object]]] = {
    "load a job": lambda stores: stores.jobs.load("7:1"),
    "save a job": lambda stores: stores.jobs.save(make_job(1), rev=1, done=[1], task="t2"),
    "interrupted": lambda stores: stores.jobs.interrupted("7:1", 0),
    "find by pull": lambda stores: stores.jobs.find_by_pull(7, 9),
    "find by issue": lambda stores: stores.jobs.find_by_issue("acme", "skills", 1),
    "list jobs": lambda stores: stores.jobs.list_jobs(limit=10),
    "list jobs by status": lambda stores: stores.jobs.list_jobs(statuses=[JobStatus.FAILED], limit=10),
    "list a repository's jobs": lambda stores: stores.jobs.list_jobs(
        owner="acme", name="skills", statuses=[JobStatus.FAILED, JobStatus.EXPIRED], after=(NOON, "7:1"), limit=10
    ),
    "list those that wait": lambda stores: stores.jobs.list_jobs(waiting=True, after=(NOON, "7:1"), limit=10),
    "the longest wait": lambda stores: stores.jobs.oldest_waiting(),
    "counts": lambda stores: stores.jobs.counts(),
    "repositories": lambda stores: stores.jobs.repositories(),
    "the last change": lambda stores: stores.jobs.last_change(),
    "a revision": lambda stores: stores.jobs.revision("7:1"),
    "moves": lambda stores: stores.history.moves("7:1"),
    "days": lambda stores: stores.history.days(NOON.date()),
    "effects of a job": lambda stores: stores.effects.of("7:1"),
    "the newest event": lambda stores: stores.timeline.newest("7:1"),
    "calls of a day": lambda stores: Spending(stores.database.engine).calls_by_requester(7, NOON),
    "timers": lambda stores: stores.jobs.due_timers(NOON),
    "jobs of an installation": lambda stores: stores.jobs.open_keys_of(installation_id=3, repo_ids=[7]),
    "due events": lambda stores: stores.inbox.due(LATER),
    "open events": lambda stores: stores.inbox.untroubled(),
    "rekey": lambda stores: stores.inbox.rekey_pulls(NOON),
    "unclaimed": lambda stores: stores.inbox.close_unclaimed(pull_key(7, 9), NOON),
    "count a try": lambda stores: stores.inbox.count_try("7:1", 9, NOON, 0),
    "look later": lambda stores: stores.inbox.look_later(["7:1", "7:2"], NOON),
    "hasten": lambda stores: stores.inbox.hasten(NOON),
    "next due": lambda stores: stores.inbox.next_due(),
    "note a failure": lambda stores: stores.inbox.note_failure("7:1", "x", NOON),
    "set aside": lambda stores: stores.inbox.set_aside("7:1", 0, "x", NOON),
    "backlog": lambda stores: stores.inbox.backlog(),
    "a stored call": _call,
    "records of steps": lambda stores: stores.steps.of("ev:1"),
    "records of steps that another has made": lambda stores: stores.steps.add("ev:1", {"load:0": "{}"}),
    "the end of a task": lambda stores: stores.steps.forget("ev:1"),
    "an effect": lambda stores: stores.effects.find("7:1", "status"),
    "a timeline": lambda stores: stores.timeline.of("7:1"),
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_walks_no_table(stores: Stores, name: str) -> None:
    await stores.jobs.save(make_job(1), rev=0, done=[], task="t")
    await _fill(stores)
    seen: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        seen.append((statement, parameters))

    database = stores.database
    engines = [each for each in (database.engine.sync_engine, database.direct, database.here) if each is not None]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    await QUERIES[name](stores)
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    assert seen
    async with stores.database.engine.connect() as connection:
        for statement, parameters in seen:
            plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all()
            details = [str(row[-1]) for row in plan]
            walked = [line for line in details if re.match(r"SCAN (?!(\d+ )?CONSTANT)", line) and "INDEX" not in line]
            assert walked == [], (statement, details)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("statement", intake.QUERIES)
async def test_a_query_of_the_intake_walks_no_table(stores: Stores, statement: str) -> None:
    await _fill(stores)
    async with stores.database.engine.connect() as connection:
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ('["7:1"]',) * statement.count("?"))
        details = [str(row[-1]) for row in plan]
    assert [line for line in details if line.startswith("SCAN ") and "json_each" not in line] == [], details


async def _fill(stores: Stores) -> None:
    """Enough finished rows that the planner has a reason to use an index, and statistics to know it."""
    async with stores.database.engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO inbox (delivery, key, event, action, body, received_at, next_at, done_by, done_at) "
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
                "SELECT 'd' || i, '8:' || i, 'issues', 'edited', x'7b7d', '2026-01-01 00:00:00.000000', "
                "'2026-01-01 00:00:00.000000', 't', '2026-01-01 00:00:00.000000' FROM n"
            )
        )
        await connection.execute(
            text(
                "INSERT INTO daily_figures (day, figure, name, count, amount) "
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
                "SELECT date('2020-01-01', i || ' days'), 'left', 'running', 1, 1 FROM n"
            )
        )
        await connection.execute(
            text(
                "INSERT INTO steps (task, name, record, created_at) "
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
                "SELECT 'ev:' || i, 'load:0', 'x', '2026-01-01 00:00:00.000000' FROM n"
            )
        )
        await connection.execute(text("ANALYZE"))
