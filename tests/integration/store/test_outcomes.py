"""A phase is run once for what it begins with; what was kept first stands until the job is stored beyond it."""

import pytest

from bot.jobs.job import Job, JobStatus
from bot.outcomes import Remembering
from bot.store.keys import outcomes_key
from bot.store.stores import Stores
from pipeline.journey import Failure, Journey
from pipeline.skills.taxonomy import Taxonomy
from tests.jobs import make_job


class Phases:
    """Each run comes to something else."""

    def __init__(self, failure: Failure | None = None) -> None:
        self.failure, self.runs = failure, 0

    async def __call__(self, job: Job, taxonomy: Taxonomy, seen: int, model: str) -> Journey:
        self.runs += 1
        return job.journey.model_copy(update={"name_override": f"run-{self.runs}", "failure": self.failure})


async def ended(stores: Stores, phases: Phases, job: Job) -> str:
    journey = await Remembering(phases, stores.steps)(job, Taxonomy(), 0, "")
    return journey.name_override


async def test_a_phase_is_run_once_for_what_it_begins_with(stores: Stores) -> None:
    phases, first, second = Phases(), make_job(1), make_job(2)
    assert [await ended(stores, phases, job) for job in (first, first, second)] == ["run-1", "run-1", "run-2"]
    asked = first.with_(journey=first.journey.model_copy(update={"plan_feedback": ["shorter"]}))
    assert await ended(stores, phases, asked) == "run-3", "somebody has said something since"


async def test_a_phase_goes_on_with_what_it_began_with(stores: Stores) -> None:
    """The skills are a part of what the model is asked: with others the stored answers would not be found."""
    remembering, job = Remembering(Phases(), stores.steps), make_job()

    async def began(each: Job, root: str) -> str:
        async def look() -> Taxonomy:
            return Taxonomy(root=root)

        return (await remembering.begun_with(each, "skills", Taxonomy, look)).root

    asked = job.with_(journey=job.journey.model_copy(update={"plan_feedback": ["shorter"]}))
    seen = [await began(job, "as-it-was"), await began(job, "merged-since"), await began(asked, "asked-since")]
    assert seen == ["as-it-was", "as-it-was", "asked-since"]
    [name] = [name for name, text in (await stores.steps.of(outcomes_key(job.key))).items() if "as-it-was" in text]
    await stores.steps.forget(outcomes_key(job.key))
    await stores.steps.add(outcomes_key(job.key), {name: '{"of another version": 1}'})
    assert await began(job, "now") == "now"


async def test_a_failure_is_not_kept(stores: Stores) -> None:
    phases = Phases(Failure(code="unreachable", message="The model is away.", retryable=True))
    assert [await ended(stores, phases, make_job()) for _ in range(2)] == ["run-1", "run-2"]


async def test_of_two_processes_at_the_same_phase_the_first_one_is_right(stores: Stores) -> None:
    theirs = Phases()

    class Slower(Phases):
        async def __call__(self, job: Job, taxonomy: Taxonomy, seen: int, model: str) -> Journey:
            await ended(stores, theirs, job)
            return job.journey.model_copy(update={"name_override": "ours"})

    assert await ended(stores, Slower(), make_job()) == "run-1"


@pytest.mark.parametrize("status", [JobStatus.PENDING_HITL, JobStatus.RUNNING])
async def test_it_is_forgotten_with_the_save_after_which_the_job_runs_no_more(
    stores: Stores, status: JobStatus
) -> None:
    running = make_job(status=JobStatus.RUNNING)
    rev = await stores.jobs.save(running, rev=0, done=[], task="t")
    await ended(stores, Phases(), running)
    await stores.jobs.save(running.with_(status=status), rev=rev, done=[], task="u")
    assert bool(await stores.steps.of(outcomes_key(running.key))) is (status is JobStatus.RUNNING)
