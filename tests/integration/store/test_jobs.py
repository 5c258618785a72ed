"""The jobs table on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.figures.jobs import line_of
from bot.jobs.job import JobStatus
from bot.jobs.ports import SupersededError
from bot.store.inbox import NewEvent
from bot.store.stores import Stores
from bot.subjects import concerned
from tests.jobs import NOON, make_job, make_pull
from tests.unit.jobs import builders


async def _event(stores: Stores, delivery: str, key: str = "7:1", event: str = "issues", action: str = "edited") -> int:
    [stored] = await stores.inbox.add([NewEvent(delivery, key, event, action, b"{}")])
    return stored.id


async def test_a_job_comes_back_as_it_was_saved(stores: Stores) -> None:
    job = make_job(waiting_since=NOON, remind_at=NOON + timedelta(days=1), pull=make_pull(9))
    assert (await stores.jobs.load(job.key)).job is None
    assert await stores.jobs.save(job, rev=0, done=[], task="t") == 1
    loaded = await stores.jobs.load(job.key)
    assert (loaded.job, loaded.rev, loaded.rows) == (job, 1, [])


async def test_saving_marks_the_rows_it_dealt_with_and_no_other(stores: Stores) -> None:
    first, second = await _event(stores, "a"), await _event(stores, "b")
    await stores.jobs.save(make_job(), rev=0, done=[first], task="t")
    assert [row.id for row in (await stores.jobs.load("7:1")).rows] == [second]
    entry = await stores.inbox.entry(first)
    assert entry is not None
    assert entry.done_by == "t"


async def test_saving_again_for_the_same_task_changes_nothing(stores: Stores) -> None:
    job = make_job()
    await stores.jobs.save(job, rev=0, done=[], task="t")
    await stores.jobs.save(job.moved(JobStatus.RUNNING), rev=1, done=[], task="t:2")
    assert await stores.jobs.save(job.moved(JobStatus.RUNNING), rev=1, done=[], task="t:2") == 2
    loaded = await stores.jobs.load(job.key)
    assert loaded.rev == 2


async def test_a_job_that_begins_by_running_has_its_work_row_from_the_first_save_on(stores: Stores) -> None:
    await stores.jobs.save(make_job().moved(JobStatus.RUNNING), rev=0, done=[], task="t")
    assert [row.is_work for row in (await stores.jobs.load("7:1")).rows] == [True]


@pytest.mark.parametrize(("rev", "task"), [(0, "other"), (1, "other"), (5, "t")])
async def test_somebody_elses_save_supersedes(stores: Stores, rev: int, task: str) -> None:
    job = make_job()
    await stores.jobs.save(job, rev=0, done=[], task="t")
    await stores.jobs.save(job, rev=1, done=[], task="t2")
    row = await _event(stores, "a")
    with pytest.raises(SupersededError):
        await stores.jobs.save(job.with_(title="stale"), rev=rev, done=[row], task=task)
    loaded = await stores.jobs.load(job.key)
    assert loaded.job == job
    assert [open_row.id for open_row in loaded.rows] == [row], "a save that failed marks nothing"


async def test_a_job_is_found_by_its_pull_request_and_by_its_issue(stores: Stores) -> None:
    job = make_job(4, pull=make_pull(9, 4))
    await stores.jobs.save(job, rev=0, done=[], task="t")
    by_pull = await stores.jobs.find_by_pull(7, 9)
    by_issue = await stores.jobs.find_by_issue("acme", "skills", 4)
    assert by_pull is not None
    assert by_issue is not None
    assert by_pull.job == by_issue.job == job
    assert await stores.jobs.find_by_pull(8, 9) is None


async def test_timers_are_due_when_their_time_has_come(stores: Stores) -> None:
    await stores.jobs.save(make_job(1, remind_at=NOON), rev=0, done=[], task="t")
    await stores.jobs.save(make_job(2, expire_at=NOON + timedelta(hours=1)), rev=0, done=[], task="t")
    await stores.jobs.save(make_job(3), rev=0, done=[], task="t")
    assert [(due.key, due.timer) for due in await stores.jobs.due_timers(NOON)] == [("7:1", "remind")]
    assert len(await stores.jobs.due_timers(NOON + timedelta(hours=2))) == 2


async def test_jobs_are_listed_by_status_and_repository_and_counted(stores: Stores) -> None:
    for number in range(1, 6):
        status = JobStatus.PROMOTED if number % 2 else JobStatus.QUEUED
        job = make_job(number, status=status, updated_at=NOON + timedelta(minutes=number))
        await stores.jobs.save(job, rev=0, done=[], task="t")
    promoted = await stores.jobs.list_jobs(statuses=[JobStatus.PROMOTED], owner="acme", name="skills")
    assert [row.job.issue_number for row in promoted] == [5, 3, 1]
    page = await stores.jobs.list_jobs(limit=2, before=NOON + timedelta(minutes=4))
    assert [row.job.issue_number for row in page] == [3, 2]
    assert await stores.jobs.counts() == {JobStatus.PROMOTED: 3, JobStatus.QUEUED: 2}
    assert await stores.jobs.list_jobs(owner="other") == []


async def test_only_words_that_matter_interrupt_a_phase(stores: Stores) -> None:
    seen = await _event(stores, "a", event="issue_comment", action="created")
    await _event(stores, "b", event="check_run", action="rerequested")
    assert not await stores.jobs.interrupted("7:1", seen)
    await _event(stores, "c", event="issue_comment", action="created")
    assert await stores.jobs.interrupted("7:1", seen)
    assert not await stores.jobs.interrupted("7:2", 0)


async def test_rows_that_concern_no_job_are_discarded(stores: Stores) -> None:
    row = await _event(stores, "a")
    await stores.jobs.discard("7:1", done=[row], task="t")
    assert (await stores.jobs.load("7:1")).rows == []


async def test_a_promotion_is_left_once_for_the_repository_s_other_jobs(stores: Stores) -> None:
    merged = make_job(1, status=JobStatus.PROMOTED, pull=make_pull(9))
    revision = await stores.jobs.save(merged, rev=0, done=[], task="t")
    await stores.jobs.save(merged, rev=0, done=[], task="t")
    await stores.jobs.save(merged, rev=revision, done=[], task="u")
    [row] = await stores.inbox.open_rows("repository:7")
    assert (row.event, row.action) == ("skill_fleet", "promoted")
    assert concerned(row.event, row.body) == (None, [7])
    [found] = [key for key in await stores.inbox.due(datetime.now(UTC)) if key.key == "repository:7"]
    assert found.last_id == row.id, "it is due at once"


async def test_the_list_pages_on_exactly_where_times_are_equal_in_both_orders(stores: Stores) -> None:
    for number in range(1, 8):
        waits = {"status": JobStatus.PENDING_HITL, "waiting_since": NOON + timedelta(hours=number // 3)}
        changes = waits if number < 7 else {"status": JobStatus.FAILED}
        job = make_job(number, updated_at=NOON + timedelta(minutes=number // 2), **changes)
        await stores.jobs.save(job, rev=0, done=[], task="t")

    async def walk(waiting: bool, **asked: object) -> list[int]:
        found, after = list[int](), None
        while rows := await stores.jobs.list_jobs(waiting=waiting, after=after, limit=2, **asked):  # type: ignore[arg-type]
            found += [row.job.issue_number for row in rows]
            last = rows[-1].job
            at = last.waiting_since if waiting else last.updated_at
            assert at is not None
            after = (at, last.key)
        return found

    assert await walk(waiting=False) == [6, 7, 4, 5, 2, 3, 1]
    assert await walk(waiting=True) == [1, 2, 3, 4, 5, 6]
    several = [JobStatus.FAILED, JobStatus.PENDING_HITL]
    assert await walk(waiting=False, statuses=several, owner="acme", name="skills") == [6, 7, 4, 5, 2, 3, 1]
    assert await walk(waiting=False, statuses=[JobStatus.FAILED]) == [7]
    assert await walk(waiting=True, statuses=[JobStatus.FAILED]) == []
    assert await stores.jobs.repositories() == ["acme/skills"]
    assert await stores.jobs.last_change() == (NOON + timedelta(minutes=3), "7:6")
    assert await stores.jobs.revision("7:7") == (1, JobStatus.FAILED)
    assert await stores.jobs.oldest_waiting() == NOON


async def test_a_list_shows_of_each_job_what_the_job_itself_says(stores: Stores) -> None:
    for number, journey in enumerate((builders.at_clarify(), builders.at_preview(), builders.completed()), start=1):
        job = make_job(number, journey=journey, pull=make_pull(90 + number, number), waiting_since=NOON)
        await stores.jobs.save(job, rev=0, done=[], task="t")
    whole = [line_of(row.job) for row in await stores.jobs.list_jobs(waiting=True)]
    assert [line_of(listed) for listed in await stores.jobs.listed(waiting=True)] == whole
    assert [line.quality for line in whole] == [None, 0.9, 0.9]
