"""Claims: limits that hold over all processes, fairness, and what they cost with much in the tables."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from dbos._core import execute_dequeued_workflow
from dbos._schemas import SCHEMA_PLACEHOLDER
from dbos._sys_db import SystemDatabase
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from bot.app import Service
from bot.engine import claims
from bot.engine.claims import QUEUE, Claims, Limits
from bot.engine.tasks import WakeUp
from bot.jobs.ports import Steps
from tests.integration.engine.conftest import StartService


async def _nothing(key: str, task: str, steps: Steps) -> None:
    """A task that never gets its turn in these tests."""


async def _paused(start: StartService) -> Service:
    """A service that enqueues and does not claim."""
    service: Service = await start(_nothing)
    assert service.engine._claiming is not None
    service.engine._claiming.cancel()
    return service


@contextmanager
def _transaction(service: Service, claims: Claims) -> Iterator[Connection]:
    options = {"schema_translate_map": {SCHEMA_PLACEHOLDER: claims._dbos._sys_db.schema}}
    with service.stores.database.direct.connect() as connection, connection.execution_options(**options).begin():
        yield connection


def _claimed(service: Service, claims: Claims, room: int) -> list[str]:
    """The jobs whose tasks this process claims."""
    with _transaction(service, claims) as connection:
        return [task.partition("#")[0] for task in claims.claim(connection, room, "owner")]


def _wake_ups(*keys: str) -> list[WakeUp]:
    return [WakeUp(key, f"{key}#{n}") for n, key in enumerate(keys)]


async def test_those_wait_least_whose_repository_has_the_fewest_running(start: StartService) -> None:
    service = await _paused(start)
    await service.engine.wake(_wake_ups(*(f"7:{n}" for n in range(20)), "8:1", "8:2", "9:1"))
    claims = Claims(service.stores.database, "one", Limits(workers=16, per_repository=3))
    assert Counter(key.partition(":")[0] for key in _claimed(service, claims, 4)) == {"7": 2, "8": 1, "9": 1}
    assert Counter(key.partition(":")[0] for key in _claimed(service, claims, 4)) == {"7": 1, "8": 1}
    assert _claimed(service, claims, 4) == []


async def test_one_task_of_a_job_runs_at_a_time_whoever_claimed_it(start: StartService) -> None:
    service = await _paused(start)
    one, other = (Claims(service.stores.database, name, Limits()) for name in ("one", "other"))
    await service.engine.wake([WakeUp("7:1", "7:1#a")])
    assert _claimed(service, one, 4) == ["7:1"]
    await service.engine.wake([WakeUp("7:1", "7:1#b"), WakeUp("7:2", "7:2#a")])
    assert _claimed(service, other, 4) == ["7:2"]


async def test_the_task_that_a_dead_process_left_goes_on_before_a_newer_one_of_its_job(start: StartService) -> None:
    service = await _paused(start)
    one, other = (Claims(service.stores.database, name, Limits()) for name in ("one", "other"))
    await service.engine.wake([WakeUp("7:1", "sweep#left")])
    assert _claimed(service, one, 4) == ["sweep"]
    await service.engine.wake([WakeUp("7:1", "ev#newer")])
    assert _claimed(service, other, 4) == []
    await service.engine.recover(["one"])
    assert _claimed(service, other, 4) == ["sweep"]


async def test_a_claim_that_the_database_broke_off_leaves_no_job_without_a_task(
    start: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    async def begin(key: str, task: str, steps: Steps) -> None:
        begun.append(key)

    service: Service = await start(begin)
    system = service.engine._client._sys_db if service.engine._client else None
    assert system is not None
    looked: list[object] = []

    def away(self: object, tasks: list[str]) -> object:
        monkeypatch.undo()
        looked.append(tasks)
        raise ConnectionError("after the commit")

    monkeypatch.setattr(type(system), "get_workflow_statuses", away)
    monkeypatch.setattr("bot.engine.runtime.PAUSE_AFTER_FAILURE", 0.01)
    await service.engine.wake([WakeUp("7:1", "7:1#a")])
    async with asyncio.timeout(60):
        while not begun:
            await asyncio.sleep(0.01)
    assert (begun, looked) == (["7:1"], [["7:1#a"]])


async def test_a_task_that_could_not_begin_is_claimed_again(
    start: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, begin = asyncio.Event(), execute_dequeued_workflow
    full = iter(range(1))

    async def work(key: str, task: str, steps: Steps) -> None:
        begun.set()

    def closed(*them: Any) -> Any:
        if next(full, None) is not None:
            raise OperationalError("UPDATE workflow_status", {}, Exception("database or disk is full"))
        return begin(*them)

    monkeypatch.setattr(claims, "execute_dequeued_workflow", closed)
    service: Service = await start(work)
    await service.engine.wake([WakeUp("7:1", "7:1#a")])
    await asyncio.wait_for(begun.wait(), 60)


@pytest.mark.parametrize("failing", [False, True], ids=["well", "badly"])
async def test_a_task_whose_end_could_not_be_noted_does_not_stand_in_the_way_of_its_job(
    start: StartService, monkeypatch: pytest.MonkeyPatch, failing: bool
) -> None:
    begun: list[str] = []

    async def begin(key: str, task: str, steps: Steps) -> None:
        begun.append(task)
        if failing and len(begun) == 1:
            raise ZeroDivisionError("a bug of ours")

    service: Service = await start(begin)
    assert service.engine._client is not None
    full = iter(range(2))  # the engine notes an end as an error when it cannot be noted as it is
    note = SystemDatabase.update_workflow_outcome

    def noted(self: SystemDatabase, *them: Any, **more: Any) -> bool:
        if next(full, None) is not None:
            raise OperationalError("UPDATE workflow_status", {}, Exception("database or disk is full"))
        return note(self, *them, **more)

    monkeypatch.setattr(SystemDatabase, "update_workflow_outcome", noted)
    await service.engine.wake([WakeUp("7:1", "7:1#a")])
    async with asyncio.timeout(60):
        while len(begun) < 2:
            await asyncio.sleep(0.01)
        while await service.engine.busy_keys():
            await asyncio.sleep(0.01)
        await service.engine.wake([WakeUp("7:1", "7:1#b")])
        while begun[-1] != "7:1#b":
            await asyncio.sleep(0.01)
    assert begun == ["7:1#a", "7:1#a", "7:1#b"]


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_the_limit_of_a_repository_holds_over_processes_that_claim_at_the_same_time(start: StartService) -> None:
    service = await _paused(start)
    await service.engine.wake(_wake_ups(*(f"7:{n}" for n in range(10))))
    one, other = (Claims(service.stores.database, name, Limits(4, per_repository=3)) for name in ("one", "other"))
    with _transaction(service, one) as connection:
        assert len(one.claim(connection, 2, "owner")) == 2
        assert _claimed(service, other, 4) == []  # not before it can see what the first one took
    assert len(_claimed(service, other, 4)) == 1
    assert _claimed(service, one, 4) == []


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_half_of_all_workers_are_those_of_all_processes_that_live(start: StartService) -> None:
    service = await _paused(start)
    await service.engine.wake(_wake_ups(*(f"7:{n}" for n in range(20))))
    for name in ("two", "three", "dead"):
        await service.stores.instances.enter(name)
    await service.stores.instances.leave("dead")
    await service.stores.lease.beat()
    assert service.stores.lease.processes == 3
    assert len(_claimed(service, Claims(service.stores.database, "two", Limits(workers=4)), 20)) == 6


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_look_at_the_tasks_walks_through_those_that_have_ended(start: StartService) -> None:
    service = await _paused(start)
    direct = service.stores.database.direct
    claims = Claims(service.stores.database, "one", Limits())
    with direct.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO workflow_status (workflow_uuid, status, queue_name, queue_partition_key) "
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
            f"SELECT 'ended' || i, 'SUCCESS', '{QUEUE}', '7:' || i FROM n"
        )
        connection.exec_driver_sql("ANALYZE")
    seen: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        seen.append((statement, parameters))

    event.listen(direct, "before_cursor_execute", note)
    await service.engine.wake(_wake_ups("7:1", "8:1"))
    await service.engine.busy_keys()
    assert len(_claimed(service, claims, 4)) == 2
    event.remove(direct, "before_cursor_execute", note)
    looked = 0
    with direct.connect() as connection:
        for statement, parameters in seen:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            steps = [str(row[-1]) for row in plan if re.search(r"\b(workflow_status|running)\b", str(row[-1]))]
            assert [step for step in steps if not step.startswith("SEARCH")] == [], (statement, plan)
            looked += len(steps)
    assert looked >= 6
