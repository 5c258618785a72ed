"""Tasks on DBOS over both databases: order, replay, failure and healing."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from bot.app import Service
from bot.engine.steps import StepFailedError
from bot.engine.tasks import WakeUp
from bot.github.errors import Request, RetryAtError
from bot.github.missed import SyntheticDelivery
from bot.jobs.ports import Steps, SupersededError
from bot.store.inbox import SET_ASIDE, NewEvent
from bot.store.ledger import SqlLedger
from pipeline.models import Value
from tests.integration.engine.conftest import Script, StartService
from tests.jobs import make_job, make_pull


class Text(Value):
    text: str


def _event(delivery: str, key: str = "7:1") -> NewEvent:
    return NewEvent(delivery, key, "issues", "opened", b"{}")


async def test_an_event_becomes_a_task_that_sees_it(start: StartService) -> None:
    script = Script()
    service = await start(script.take, script=script)
    assert await service.put(_event("a"))
    assert not await service.put(_event("a"))
    await script.until(lambda seen: ("7:1", ["a"]) in seen)


async def test_tasks_of_one_job_never_overlap_and_those_of_others_do(start: StartService) -> None:
    active: set[str] = set()
    overlaps: list[str] = []
    together = asyncio.Event()
    script = Script()

    async def advance(key: str, task: str, steps: Steps) -> None:
        if key in active:
            overlaps.append(key)
        active.add(key)
        if {"7:1", "7:2"} <= active:
            together.set()
        async with asyncio.timeout(60):
            await together.wait()
        await script.take(key, task, steps)
        active.discard(key)

    service = await start(advance, script=script)
    for n in range(5):
        await service.put(_event(f"a{n}", "7:1"))
        await service.put(_event(f"b{n}", "7:2"))
    await script.until(lambda seen: sum(len(found) for _, found in seen) == 10)
    assert overlaps == []
    for key, letter in (("7:1", "a"), ("7:2", "b")):
        order = [delivery for found, deliveries in script.seen if found == key for delivery in deliveries]
        assert order == [f"{letter}{n}" for n in range(5)]


async def test_a_step_runs_once_and_its_result_comes_back_typed(start: StartService) -> None:
    script = Script()
    results: list[object] = []

    async def advance(key: str, task: str, steps: Steps) -> None:
        async def work(text: str) -> Text:
            return Text(text=text)

        async def fail() -> Text:
            raise SupersededError("moved on")

        async def crash() -> Text:
            raise ZeroDivisionError("oops")

        results.extend(
            await asyncio.gather(*(steps.run(f"s{n}", Text, lambda n=n: work(f"{n}")) for n in range(3)))  # type: ignore[misc]
        )
        for name, broken in (("fail", fail), ("crash", crash)):
            try:
                await steps.run(name, Text, broken)
            except (SupersededError, StepFailedError) as error:
                results.append((type(error), str(error)))
        await script.note(key, [])

    service = await start(advance)
    await service.engine.wake([WakeUp("7:1", "t")])
    await script.until(lambda seen: bool(seen))
    assert results[:3] == [Text(text="0"), Text(text="1"), Text(text="2")]
    assert results[3] == (SupersededError, "moved on")
    assert results[4] == (StepFailedError, "crash: ZeroDivisionError: oops")


async def test_a_failing_event_is_tried_again_and_set_aside_with_its_reason(start: StartService) -> None:
    tries: list[str] = []

    async def poisoned() -> Text:
        raise ValueError("poison")

    async def advance(key: str, task: str, steps: Steps) -> None:
        tries.append(task)
        await steps.run("look", Text, poisoned)

    service = await start(advance, max_attempts=2)
    later = [datetime.now(UTC)]
    service.dispatcher.clock = lambda: later[0]
    await service.put(_event("bad"))
    async with asyncio.timeout(60):
        while not tries:  # no time passes before the first: a sweep's task would give way to one that waits to begin
            await asyncio.sleep(0.01)
        while not (aside := await service.stores.inbox.list_entries(state=SET_ASIDE)):
            later[0] += timedelta(minutes=5)
            await asyncio.sleep(0.05)
    assert len(tries) == 3
    assert len(set(tries)) == 3
    assert aside[0].error == "StepFailedError: look: ValueError: poison"
    assert b'skill_fleet_tasks_failed_total{error="ValueError"} 3.0' in _metrics(service.metrics.registry)
    assert b"skill_fleet_events_set_aside_total 1.0" in _metrics(service.metrics.registry)


def _metrics(registry: object) -> bytes:
    from prometheus_client import generate_latest

    return generate_latest(registry)  # type: ignore[arg-type]


async def test_a_job_whose_task_failed_once_heals_without_anybody(start: StartService) -> None:
    script = Script()
    failed: list[str] = []

    async def advance(key: str, task: str, steps: Steps) -> None:
        if not failed:
            failed.append(task)
            raise ConnectionError("GitHub is away")
        await script.take(key, task, steps)

    service = await start(advance, script=script)
    service.dispatcher.clock = lambda: datetime.now(UTC) + timedelta(minutes=1)
    await service.put(_event("a"))
    await script.until(lambda seen: ("7:1", ["a"]) in seen)


async def test_a_limit_of_github_sets_when_the_job_is_taken_up_again_and_counts_no_try(start: StartService) -> None:
    script = Script()
    minute = datetime.now(UTC) + timedelta(minutes=1)
    refused: list[str] = []

    async def limited() -> Text:
        raise RetryAtError(Request("POST", "/x"), minute, "rate limit", status=403)

    async def advance(key: str, task: str, steps: Steps) -> None:
        rows = (await service.stores.jobs.load(key)).rows
        if service.dispatcher.clock() < minute:
            refused.append(task)
            await steps.run("effect", Text, limited)
        await service.stores.jobs.discard(key, done=[row.id for row in rows], task=task)
        await script.note(key, [f"{row.delivery} {row.attempts}" for row in await service.stores.inbox.list_entries()])

    service = await start(advance)
    now = [datetime.now(UTC)]
    service.dispatcher.clock = lambda: now[0]
    await service.put(_event("a"))
    async with asyncio.timeout(60):
        while not refused or service.engine.running or not await _rests_until(service, minute):
            await asyncio.sleep(0.01)
    assert await service.stores.inbox.due(minute - timedelta(seconds=1)) == []
    now[0] = minute
    await script.until(bool)
    assert len(refused) == 1
    [entry] = await service.stores.inbox.list_entries(state="all")
    assert (entry.done_by is not None, entry.attempts, entry.error) == (True, 1, None), "the one try is the last"
    assert service.metrics.tasks_rescheduled._value.get() == 1
    assert b"skill_fleet_tasks_failed_total{" not in _metrics(service.metrics.registry)


async def _rests_until(service: Service, when: datetime) -> bool:
    return [found.attempts for found in await service.stores.inbox.due(when)] == [0] and not (
        await service.stores.inbox.due(when - timedelta(seconds=1))
    )


async def test_a_reconciled_review_is_taken_up_at_the_next_sweep(start: StartService) -> None:
    script = Script()
    service = await start(script.take, script=script)
    await service.stores.jobs.save(make_job(pull=make_pull(4)), rev=0, done=[], task="t")
    payload: dict[str, JsonValue] = {
        "action": "submitted",
        "repository": {"id": 7, "name": "skills", "owner": {"login": "acme"}},
        "pull_request": {"number": 4, "head": {"sha": "0" * 40, "ref": "skill/issue-1"}},
    }
    lost = SyntheticDelivery("reconcile:x", "pull_request_review", "submitted", payload, 7, 3)
    assert await SqlLedger(service.stores).deliver(lost)
    await script.until(lambda seen: ("7:1", ["reconcile:x"]) in seen)


async def test_a_due_timer_becomes_one_event_of_its_job(start: StartService) -> None:
    script = Script()

    async def advance(key: str, task: str, steps: Steps) -> None:
        loaded = await service.stores.jobs.load(key)
        await script.note(key, [f"{row.event}/{row.action} {row.body.decode()}" for row in loaded.rows])
        await service.stores.jobs.discard(key, done=[row.id for row in loaded.rows], task=task)

    service = await start(advance)
    await service.stores.jobs.save(make_job(remind_at=datetime.now(UTC)), rev=0, done=[], task="t")
    await script.until(lambda seen: ("7:1", ['skill_fleet/timer {"timer":"remind"}']) in seen)
    await service.dispatcher.fire_timers()
    assert len(await service.stores.inbox.list_entries(state="all")) == 1


async def test_open_events_of_a_process_that_died_are_taken_up_at_the_start(
    start: StartService, database_url: str
) -> None:
    script = Script()

    async def never(key: str, task: str, steps: Steps) -> None:
        raise AssertionError

    first = await start(never)
    await first.dispatcher.stop()
    await first.stores.inbox.add([_event("left")])
    await first.stop()
    await start(script.take, script=script)
    await script.until(lambda seen: ("7:1", ["left"]) in seen)


async def test_an_uninstalled_app_reaches_each_of_its_open_jobs(start: StartService) -> None:
    script = Script()
    service = await start(script.take, script=script)
    for number in (1, 2):
        await service.stores.jobs.save(make_job(number), rev=0, done=[], task="t")
    body = b'{"action":"deleted","installation":{"id":3}}'
    await service.put(NewEvent("u", "installation:3", "installation", "deleted", body, installation_id=3))
    await script.until(lambda seen: {("7:1", ("u#7:1",)), ("7:2", ("u#7:2",))} <= {(k, tuple(d)) for k, d in seen})
    assert await service.stores.inbox.open_rows("installation:3") == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_second_process_on_the_same_file_is_refused_and_told_who_holds_it(start: StartService) -> None:
    async def advance(key: str, task: str, steps: Steps) -> None: ...

    import os

    from bot.engine.lock import LockedError

    await start(advance)
    with pytest.raises(LockedError, match=f"process {os.getpid()} on "):
        await start(advance)


async def test_talk_on_ordinary_issues_costs_no_task(start: StartService) -> None:
    script = Script()
    service = await start(script.take, script=script)
    for n in range(5):
        await service.put(NewEvent(f"talk-{n}", "7:9", "issue_comment", "created", b"{}", talk=True))
    await service.put(_event("a", "7:1"))
    await script.until(lambda seen: ("7:1", ["a"]) in seen)
    assert [key for key, _ in script.seen] == ["7:1"]
    assert (await service.stores.inbox.backlog()).open == 0


async def test_a_flooding_repository_leaves_room_for_another_and_still_gets_everything_done(
    start: StartService,
) -> None:
    script = Script()
    release = asyncio.Event()
    at_once = most = 0

    async def advance(key: str, task: str, steps: Steps) -> None:
        nonlocal at_once, most
        if key.startswith("7:"):
            at_once += 1
            most = max(most, at_once)
            await release.wait()
            at_once -= 1
        rows = (await service.stores.jobs.load(key)).rows
        await service.stores.jobs.discard(key, done=[row.id for row in rows], task=task)
        if rows:
            await script.note(key, [row.delivery for row in rows])

    service = await start(advance, workers=4, jobs_per_repository=2)
    for n in range(1, 11):
        await service.put(_event(f"flood-{n}", f"7:{n}"))
    await service.put(_event("other", "8:1"))
    await script.until(lambda seen: ("8:1", ["other"]) in seen)
    assert most == 2
    release.set()
    await script.until(lambda seen: len(seen) == 11)
    assert most == 2


async def test_a_job_that_waited_for_room_when_its_process_ended_runs_at_the_next_start(start: StartService) -> None:
    blocked = asyncio.Event()

    async def block(key: str, task: str, steps: Steps) -> None:
        blocked.set()
        await asyncio.Event().wait()

    first = await start(block, jobs_per_repository=1, drain_seconds=0)
    await first.put(_event("running", "7:1"))
    async with asyncio.timeout(60):
        await blocked.wait()
        await first.put(_event("waiting", "7:2"))
        while "7:2" not in await first.engine.busy_keys():
            await asyncio.sleep(0.01)
    await first.stop()
    script = Script()
    await start(script.take, script=script)
    await script.until(lambda seen: {("7:1", ("running",)), ("7:2", ("waiting",))} <= {(k, tuple(d)) for k, d in seen})


async def test_a_job_whose_task_has_not_begun_gets_no_second_one(start: StartService) -> None:
    script = Script()
    release = asyncio.Event()

    async def advance(key: str, task: str, steps: Steps) -> None:
        if key == "7:1":
            await release.wait()
        await script.take(key, task, steps)

    service = await start(advance, script=script, workers=1)
    await service.put(_event("first", "7:1"))
    async with asyncio.timeout(60):
        while not service.engine.running:
            await asyncio.sleep(0.01)
    for n in range(5):
        await service.put(_event(f"more-{n}", "7:2"))
        await service.dispatcher.dispatch()
    assert service.engine._client is not None
    [waiting] = await service.engine._client.list_workflows_async(status="ENQUEUED", queue_name="jobs")
    assert waiting.queue_partition_key == "7:2"
    release.set()
    await script.until(lambda seen: sum(len(found) for _, found in seen) == 6)
    await service.engine.wake([WakeUp("7:3", "last")])
    await script.until(lambda seen: seen[-1] == ("7:3", []))
    assert script.seen == [("7:1", ["first"]), ("7:2", [f"more-{n}" for n in range(5)]), ("7:3", [])]
