"""Storing deliveries, on both databases: once each, in order, all of a transaction or nothing of it."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import OperationalError

from bot.store.inbox import NO_JOB, NewEvent, StoredEvent
from bot.store.intake import Intake, SqliteIntake, intake_over
from bot.store.keys import pull_key
from bot.store.stores import Stores
from tests.jobs import NOON, make_job


@pytest.fixture
async def intake(stores: Stores) -> AsyncIterator[Intake]:
    intake = intake_over(stores.database, stores.inbox)
    yield intake
    await intake.close()


def event(delivery: str, key: str = "7:1", *, talk: bool = False, body: bytes = b"{}") -> NewEvent:
    name, action = ("issue_comment", "created") if talk else ("issues", "opened")
    return NewEvent(delivery, key, name, action, body, repo_id=7, installation_id=3, received_at=NOON, talk=talk)


def told(stored: list[StoredEvent]) -> list[tuple[int, str, bool]]:
    return [(new.id, new.event.delivery, new.closed) for new in stored]


async def test_what_is_new_is_stored_in_order_under_the_id_that_is_told(stores: Stores, intake: Intake) -> None:
    bodies = {f"d{n}": b'{"n":%d,"x":"\xc3\xa9\\u0000"}' % n for n in range(150)}
    stored = await intake.add([event(name, body=body) for name, body in bodies.items()])
    assert [new.event.delivery for new in stored] == list(bodies)
    rows = await stores.inbox.open_rows("7:1")
    assert [(row.id, row.delivery, row.body) for row in rows] == [
        (new.id, new.event.delivery, bodies[new.event.delivery]) for new in stored
    ]
    assert rows[0].received_at == NOON


async def test_a_known_delivery_is_left_out_wherever_it_stands(stores: Stores, intake: Intake) -> None:
    await intake.add([event("a"), event("b"), event("a")])
    await intake.add([event("c")])
    stored = await intake.add([event("b"), event("d"), event("c"), event("e"), event("d"), event("a")])
    assert [new.event.delivery for new in stored] == ["d", "e"]
    assert [row.delivery for row in await stores.inbox.open_rows("7:1")] == ["a", "b", "c", "d", "e"]
    by_id = {row.id: row.delivery for row in await stores.inbox.open_rows("7:1")}
    assert [by_id[new.id] for new in stored] == ["d", "e"]
    assert await intake.add([event("e"), event("a")]) == []


async def test_talk_that_concerns_no_job_is_done_as_it_is_stored(stores: Stores, intake: Intake) -> None:
    await stores.jobs.save(make_job(1), rev=0, done=[], task="t")
    await intake.add([event("an open issue", "7:4")])
    stored = await intake.add(
        [
            event("of a job", "7:1", talk=True),
            event("before its label", "7:2", talk=True),
            event("the label", "7:2"),
            event("of nobody", "7:3", talk=True),
            event("of what waits", "7:4", talk=True),
        ]
    )
    assert {name for _, name, closed in told(stored) if closed} == {"of nobody"}
    [entry] = await stores.inbox.list_entries(state="all", key="7:3")
    assert (entry.done_by, entry.done_at is not None) == (NO_JOB, True)
    assert [row.delivery for row in await stores.inbox.open_rows("7:2")] == ["before its label", "the label"]
    assert (await stores.inbox.backlog()).open == 5 - 1 + 1
    assert await intake.add([event("of nobody", "7:3", talk=True)]) == []


async def test_an_event_of_a_pull_request_waits_longer_for_its_job(stores: Stores, intake: Intake) -> None:
    await intake.add([event("a", pull_key(7, 9)), event("b", "7:1")])
    assert [found.key for found in await stores.inbox.due(NOON + timedelta(minutes=5))] == ["7:1"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_after_an_error_of_the_database_the_next_delivery_is_stored(stores: Stores) -> None:
    intake = intake_over(stores.database, stores.inbox)
    assert isinstance(intake, SqliteIntake)
    with sqlite3.connect(stores.database.path) as other:
        other.execute("ALTER TABLE inbox RENAME TO elsewhere")
    with pytest.raises(OperationalError, match="no such table: inbox"):
        await intake.add([event("a")])
    with sqlite3.connect(stores.database.path) as other:
        other.execute("ALTER TABLE elsewhere RENAME TO inbox")
    assert told(await intake.add([event("a")])) == [(1, "a", False)]
    await intake.close()
    assert [row.delivery for row in await stores.inbox.open_rows("7:1")] == ["a"]


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_connection_that_breaks_while_a_delivery_is_being_stored_costs_no_delivery(
    stores: Stores, intake: Intake
) -> None:
    broken: list[int] = []

    def break_off(connection: Connection, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO inbox") and not broken:
            broken.append(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
            with psycopg.connect(stores.database.sync_url.replace("+psycopg", ""), autocommit=True) as operator:
                operator.execute("SELECT pg_terminate_backend(%s)", broken)

    sqlalchemy_event.listen(stores.database.engine.sync_engine, "before_cursor_execute", break_off)
    assert told(await intake.add([event("a")]))[0][1:] == ("a", False)
    assert broken


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_answer_means_that_the_row_is_on_the_disk(stores: Stores) -> None:
    intake = intake_over(stores.database, stores.inbox)
    assert isinstance(intake, SqliteIntake)
    await intake.add([event("a")])
    connection = intake._connection
    assert connection is not None
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert not connection.in_transaction
    await intake.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_retention_keeps_the_file_as_large_as_what_is_kept(stores: Stores) -> None:
    intake = intake_over(stores.database, stores.inbox)
    sizes = []
    for week in range(4):
        now = NOON + timedelta(weeks=week)
        stored = await intake.add([event(f"{week}-{n}", f"7:{n}", body=b"x" * 13_000) for n in range(100)])
        await stores.inbox.mark_done([new.id for new in stored], "t", now)
        while await stores.retain(now + timedelta(days=1)):
            pass
        async with stores.database.engine.connect() as connection:
            sizes.append((await connection.exec_driver_sql("PRAGMA page_count")).scalar_one())
    await intake.close()
    assert max(sizes[1:]) <= 1.1 * sizes[0], sizes
