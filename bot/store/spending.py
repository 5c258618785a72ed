"""How much of the model a repository's requests took since a moment, for the limits of a day."""

from collections import Counter
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.jobs.job import Job
from bot.store.tables import jobs, module_calls


class Spending:
    """Reads the table of paid calls."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def calls_by_requester(self, repo_id: int, since: datetime) -> Counter[str]:
        """Model calls of a repository's jobs since then, by the login of who filed the request (in lower case)."""
        query = (
            select(jobs.c.state, func.count(module_calls.c.id))
            .join(module_calls, module_calls.c.job_key == jobs.c.key)
            .where(jobs.c.repo_id == repo_id, jobs.c.updated_at >= since, module_calls.c.created_at >= since)
            .group_by(jobs.c.key, jobs.c.state)
        )
        taken: Counter[str] = Counter()
        async with self._engine.connect() as connection:
            for state, calls in await connection.execute(query):
                taken[Job.model_validate_json(state).requester.casefold()] += calls
        return taken
