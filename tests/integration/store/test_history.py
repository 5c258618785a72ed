"""What jobs leave behind for those who look: every change of status once, and figures by day."""

from datetime import date, timedelta

from bot.jobs.job import JobStatus
from bot.store.history import Figure
from bot.store.jobs import Jobs
from bot.store.stores import Stores
from bot.store.together import Together
from pipeline.models import Usage
from pipeline.runtime import ModuleCall, StoredResult
from tests.jobs import NOON, make_job
from tests.unit.jobs import builders


async def _saved(stores: Stores) -> None:
    """The turn of every save began at noon; the save itself came later."""
    hours = iter([0, 1 / 30, 0.5, 1, 24])
    clock = lambda: NOON + timedelta(hours=next(hours))  # noqa: E731
    jobs = Jobs(stores.database.engine, stores.inbox, Together(stores.database), clock)
    job = make_job(1, status=JobStatus.RUNNING)
    await jobs.save(job, rev=0, done=[], task="t0")
    generation = builders.completed().generation
    job = job.with_(journey=job.journey.model_copy(update={"generation": generation}))
    job = job.moved(JobStatus.PENDING_HITL)
    await jobs.save(job, rev=1, done=[], task="t1")
    await jobs.save(job, rev=1, done=[], task="t1")  # the same save, repeated after a crash
    await jobs.save(job.with_(title="Nothing that counts"), rev=2, done=[], task="t2")
    await jobs.save(job.moved(JobStatus.RUNNING), rev=3, done=[], task="t3")


async def test_every_change_of_status_is_counted_once_with_what_went_before(stores: Stores) -> None:
    await _saved(stores)
    moves = [(move.number, move.status, move.at) for move in await stores.history.moves("7:1")]
    assert moves == [
        (0, JobStatus.RUNNING, NOON),
        (1, JobStatus.PENDING_HITL, NOON + timedelta(minutes=2)),
        (2, JobStatus.RUNNING, NOON + timedelta(days=1)),
    ]
    days = [(row.day, row.figure, row.name, row.count, row.amount) for row in await stores.history.days(NOON.date())]
    first, second = NOON.date(), NOON.date() + timedelta(days=1)
    assert days == [
        (first, Figure.DRAFTED, "9", 1, 0.9),
        (first, Figure.ENTERED, "pending_hitl", 1, 0),
        (first, Figure.ENTERED, "running", 1, 0),
        (first, Figure.LEFT, "running", 1, 120),
        (second, Figure.ENTERED, "running", 1, 0),
        (second, Figure.LEFT, "pending_hitl", 1, 86400 - 120),
    ]
    assert await stores.history.days(second + timedelta(days=1)) == []


async def test_a_paid_call_is_counted_once_even_when_it_is_asked_again(stores: Stores) -> None:
    async def answer() -> StoredResult:
        return StoredResult(outputs={}, usage=Usage(calls=1, prompt_tokens=900, completion_tokens=100, cost_usd=0.25))

    for key in ("a", "a", "b"):
        await stores.calls("7:1").once(ModuleCall(phase="generation", module="M", key=key), answer)
    rows = await stores.history.days(date(2000, 1, 1))
    assert [(row.figure, row.name, row.count, row.amount) for row in rows] == [
        (Figure.PAID, "M", 2, 0.5),
        (Figure.TOKENS, "M", 2000, 0),
    ]


async def test_the_moves_of_ended_jobs_are_deleted_with_the_rest_of_them(stores: Stores) -> None:
    await _saved(stores)
    await stores.jobs.save(make_job(2, status=JobStatus.FAILED), rev=0, done=[], task="t")
    await stores.retain(NOON + timedelta(days=400))
    assert await stores.history.moves("7:2") == []
    assert len(await stores.history.moves("7:1")) == 3
