"""The circuit breaker of a day: how many model calls the requests of one repository, and of one person in it, may take.

Looked at before a phase begins; a phase that runs is bounded by the job's own budget. Refusing costs nothing and keeps
everything: `/skill retry` goes on.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.comments.budgets import person_used_up, repository_used_up
from bot.jobs.job import Job
from pipeline.journey import Failure

DAY = timedelta(days=1)
Taken = Callable[[int, datetime], Awaitable[Mapping[str, int]]]
"""(repository id, since) -> model calls by requester, in lower case."""


@dataclass(frozen=True)
class DailyLimits:
    """Model calls in 24 hours; 0 means no limit."""

    taken: Taken
    clock: Callable[[], datetime]
    per_repository: int = 0
    per_person: int = 0

    async def refused(self, job: Job) -> Failure | None:
        """Why this job may not ask the model now, or None."""
        if not self.per_repository and not self.per_person:
            return None
        taken = await self.taken(job.repository.id, self.clock() - DAY)
        if self.per_repository and sum(taken.values()) >= self.per_repository:
            return _failure(repository_used_up(self.per_repository))
        if self.per_person and taken.get(job.requester.casefold(), 0) >= self.per_person:
            return _failure(person_used_up(self.per_person))
        return None


def _failure(message: str) -> Failure:
    return Failure(code="daily_limit", message=message, retryable=True)
