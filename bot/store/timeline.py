"""The timeline of a job: workflow events as people watched them. For showing and measuring, never for control flow."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import job_events
from bot.store.together import Together
from pipeline.checkpoints import Measured, WorkflowEvent

_INSERT = insert(job_events)


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    id: int
    job_key: str
    event: WorkflowEvent


class Timeline:
    """The job_events table."""

    def __init__(self, engine: AsyncEngine, together: Together) -> None:
        self._engine = engine
        self._together = together

    async def add(self, events: Sequence[tuple[str, WorkflowEvent]]) -> None:
        """Store (job key, event) pairs in order."""
        if not events:
            return
        rows = [_row(key, event) for key, event in events]
        await self._together.write(lambda batch: batch.connection.execute(_INSERT, rows))

    async def of(self, job_key: str, *, after: int = 0, limit: int = 500) -> list[TimelineEntry]:
        """Oldest first; `after` is the id of the last entry known."""
        query = (
            select(job_events)
            .where(job_events.c.job_key == job_key, job_events.c.id > after)
            .order_by(job_events.c.id)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [TimelineEntry(row["id"], row["job_key"], _event(row)) for row in rows]

    async def newest(self, job_key: str) -> int:
        """The id of the newest entry; 0 when there is none."""
        query = select(func.max(job_events.c.id)).where(job_events.c.job_key == job_key)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one() or 0


def _row(key: str, event: WorkflowEvent) -> dict[str, object]:
    measured = event.measured.model_dump_json() if event.measured is not None else None
    values = event.model_dump(exclude={"type", "measured"})
    return {"job_key": key, **values, "type": event.type.value, "measured": measured}


def _event(row: RowMapping) -> WorkflowEvent:
    values = {name: row[name] for name in WorkflowEvent.model_fields if name != "measured"}
    measured = row["measured"]
    return WorkflowEvent(**values, measured=Measured.model_validate_json(measured) if measured else None)
