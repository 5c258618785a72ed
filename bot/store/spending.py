"""How much of the model a repository's requests took since a moment, for the limits of a day."""

from collections import Counter
from datetime import datetime

from sqlalchemy import JSON, ColumnElement, cast, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import jobs, module_calls


class Spending:
    """Reads the table of paid calls."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        requester: ColumnElement[str] = (
            func.json_extract(jobs.c.state, "$.requester")
            if engine.dialect.name == "sqlite"
            else cast(jobs.c.state, JSON)["requester"].as_string()
        )
        self._calls = (
            select(requester, func.count(module_calls.c.id))
            .join(module_calls, module_calls.c.job_key == jobs.c.key)
            .group_by(jobs.c.key)
        )

    async def calls_by_requester(self, repo_id: int, since: datetime) -> Counter[str]:
        """Model calls of a repository's jobs since then, by the login of who filed the request (in lower case)."""
        query = self._calls.where(
            jobs.c.repo_id == repo_id, jobs.c.updated_at >= since, module_calls.c.created_at >= since
        )
        taken: Counter[str] = Counter()
        async with self._engine.connect() as connection:
            for requester, calls in await connection.execute(query):
                taken[requester.casefold()] += calls
        return taken
