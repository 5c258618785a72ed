"""Job values for tests."""

from datetime import UTC, datetime

from bot.jobs.job import Job, JobStatus, Pull, Repository
from pipeline.journey import Journey
from pipeline.models import SkillRequest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REPOSITORY = Repository(id=7, owner="acme", name="skills", installation_id=3)


def make_job(number: int = 1, *, repository: Repository = REPOSITORY, **changes: object) -> Job:
    job = Job(
        key=f"{repository.id}:{number}",
        repository=repository,
        issue_number=number,
        requester="ada",
        title="A skill",
        journey=Journey(request=SkillRequest(title="A skill", text="Do a thing", author="ada")),
        created_at=NOON,
        updated_at=NOON,
    )
    return job.with_(**changes)


def make_pull(number: int, issue: int = 1) -> Pull:
    return Pull(number=number, branch=f"skill/issue-{issue}", head_sha="0" * 40, path="skills/a", digest="d")


__all__ = ["NOON", "REPOSITORY", "JobStatus", "make_job", "make_pull"]
