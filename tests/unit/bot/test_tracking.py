"""What people said, read from two states of a job, and the listener around the jobs table."""

from collections.abc import Sequence

import pytest

from bot.jobs.job import Job, JobStatus
from bot.jobs.ports import Loaded
from bot.settings import SettingsError, load
from bot.store.jobs import JobRow
from bot.tracking import TrackedJobs, build_tracker, heard, progressed, subject_of, watched
from pipeline.journey import ClarificationRound
from pipeline.models import Feedback
from pipeline.tracking.port import Moment, Progressed, Subject
from tests.jobs import make_job

WORDS = Feedback(text="Say more", by="ada", source="comment:1")
FOUND = Feedback(text="SEC001", by="validation", source="validation")


def with_journey(job: Job, **changes: object) -> Job:
    return job.with_(journey=job.journey.model_copy(update=changes))


BEFORE = make_job(status=JobStatus.RUNNING)
IN_REVIEW = make_job(status=JobStatus.IN_REVIEW)


def test_a_rejection_is_told_with_what_people_said_on_the_pull_request() -> None:
    after = IN_REVIEW.moved(JobStatus.REJECTED, ended_reason="closed by ada", rejection=[WORDS])
    assert [said.text for said in heard(IN_REVIEW, after)] == ["closed by ada\n\nada: Say more"]


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        (None, BEFORE, []),
        (BEFORE, BEFORE, []),
        (BEFORE, with_journey(BEFORE, pending_feedback=[WORDS]), ["refine"]),
        (BEFORE, with_journey(BEFORE, pending_feedback=[FOUND]), []),
        (BEFORE, BEFORE.with_(deferred=[WORDS]), ["refine"]),
        (BEFORE.with_(deferred=[WORDS]), with_journey(BEFORE, pending_feedback=[WORDS]), []),
        (BEFORE, with_journey(BEFORE, approved_digest="d1", approved_by="bob"), ["approve"]),
        (with_journey(BEFORE, approved_digest="d1"), with_journey(BEFORE, approved_digest="d1"), []),
        (with_journey(BEFORE, approved_digest="d1"), with_journey(BEFORE, approved_digest=""), []),
        (BEFORE, with_journey(BEFORE, plan_feedback=["Shorter"]), ["revise"]),
        (
            BEFORE,
            with_journey(BEFORE, clarifications=[ClarificationRound(questions=[], answer="x", by="a")]),
            ["answer"],
        ),
        (BEFORE, with_journey(BEFORE, clarifications=[ClarificationRound(questions=[])]), []),
        (IN_REVIEW, IN_REVIEW.moved(JobStatus.PROMOTED), ["merge"]),
        (IN_REVIEW, IN_REVIEW.moved(JobStatus.REJECTED), ["reject"]),
        (IN_REVIEW, IN_REVIEW.moved(JobStatus.CANCELLED), ["cancel"]),
        (IN_REVIEW.moved(JobStatus.PROMOTED), IN_REVIEW.moved(JobStatus.PROMOTED), []),
        (IN_REVIEW, IN_REVIEW.moved(JobStatus.FAILED), []),
    ],
)
def test_what_people_said_is_the_difference_between_two_saves(before: Job | None, after: Job, kinds: list[str]) -> None:
    assert [said.kind for said in heard(before, after)] == kinds


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (JobStatus.RUNNING, "open"),
        (JobStatus.PENDING_HITL, "open"),
        (JobStatus.IN_REVIEW, "open"),
        (JobStatus.PROMOTED, "finished"),
        (JobStatus.FAILED, "failed"),
        (JobStatus.REJECTED, "stopped"),
        (JobStatus.EXPIRED, "stopped"),
    ],
)
def test_an_ended_job_ends_its_run(status: JobStatus, outcome: str) -> None:
    assert progressed(make_job(status=status)).outcome == outcome


def test_the_same_job_has_the_same_record_and_a_new_life_of_it_another() -> None:
    job = make_job()
    key = subject_of(job, "https://api.github.com").key
    assert subject_of(job.with_(title="Renamed", status=JobStatus.RUNNING), "https://api.github.com").key == key
    assert subject_of(job, "https://me:word@ghe.example/api/v3").key == key.replace("api.github.com", "ghe.example")
    later = job.with_(created_at=job.created_at.replace(year=2027))
    assert subject_of(later, "https://api.github.com").key != key


class Table:
    def __init__(self) -> None:
        self.row: JobRow | None = None

    async def find(self, key: str) -> JobRow | None:
        return self.row

    async def load(self, key: str) -> Loaded:
        return Loaded(job=None, rev=0)

    async def save(self, job: Job, *, rev: int, done: Sequence[int], task: str) -> int:
        self.row = JobRow(job, rev + 1, None, task)
        return rev + 1

    async def discard(self, key: str, *, done: Sequence[int], task: str) -> None: ...

    async def interrupted(self, key: str, after: int) -> bool:
        return True


class Told:
    def __init__(self) -> None:
        self.moments: list[Moment] = []

    def note(self, subject: Subject, moment: Moment) -> None:
        self.moments.append(moment)

    def close(self, seconds: float) -> None: ...


async def test_each_save_is_told_with_what_was_said_before_it() -> None:
    told = Told()
    jobs = TrackedJobs(Table(), told, "https://api.github.com")
    assert await jobs.save(BEFORE, rev=0, done=[], task="t") == 1
    assert await jobs.save(with_journey(BEFORE, pending_feedback=[WORDS]), rev=1, done=[], task="t") == 2
    assert [type(moment).__name__ for moment in told.moments] == ["Progressed", "HumanFeedback", "Progressed"]
    last = told.moments[-1]
    assert isinstance(last, Progressed)
    assert last.journey.pending_feedback == [WORDS]


def test_without_an_address_nothing_is_wrapped() -> None:
    settings = load(insecure_dev=True)
    tracker = build_tracker(settings)
    assert tracker is None
    table, listener = Table(), object()
    assert watched(table, listener, tracker, "https://api.github.com") == (table, listener)  # type: ignore[arg-type]


def test_a_folder_is_refused_before_the_service_starts() -> None:
    with pytest.raises(SettingsError, match="SKILL_FLEET_MLFLOW_TRACKING_URI: MLflow no longer keeps runs in folders"):
        build_tracker(load(insecure_dev=True, mlflow_tracking_uri="file:///tmp/mlruns"))
