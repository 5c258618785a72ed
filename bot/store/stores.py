"""All repositories over one open database."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from bot.jobs.job import ENDED
from bot.store.calls import JobCalls, OnPaid, PaidCalls
from bot.store.database import Database, migrate
from bot.store.effects import Effects, OnEffect
from bot.store.history import History
from bot.store.inbox import Inbox
from bot.store.instances import Instances
from bot.store.jobs import Jobs
from bot.store.lease import Lease
from bot.store.steps import StepRecords
from bot.store.tables import effects, inbox, job_events, job_moves, jobs, module_calls, steps
from bot.store.timeline import Timeline
from bot.store.together import Together


@dataclass(frozen=True)
class Stores:
    """What the rest of the service reads and writes through."""

    database: Database
    inbox: Inbox
    jobs: Jobs
    effects: Effects
    timeline: Timeline
    instances: Instances
    lease: Lease
    history: History
    paid: PaidCalls
    steps: StepRecords
    on_paid: OnPaid | None = None

    @classmethod
    def over(cls, database: Database, *, on_paid: OnPaid | None = None, on_effect: OnEffect | None = None) -> "Stores":
        events, instances, together = Inbox(database.engine), Instances(database.engine), Together(database)
        return cls(
            database=database,
            inbox=events,
            jobs=Jobs(database.engine, events, together),
            effects=Effects(database.engine, on_effect) if on_effect else Effects(database.engine),
            timeline=Timeline(database.engine, together),
            instances=instances,
            lease=Lease(instances),
            history=History(database.engine),
            paid=PaidCalls(together),
            steps=StepRecords(together),
            on_paid=on_paid,
        )

    def calls(self, job_key: str) -> JobCalls:
        """The paid model calls of one job."""
        return JobCalls(self.paid, job_key, self.on_paid) if self.on_paid else JobCalls(self.paid, job_key)

    async def migrate(self) -> None:
        await migrate(self.database)

    async def retain(self, before: datetime, limit: int = 500) -> int:
        """Delete one batch of what was finished before; how many rows. Jobs and set-aside events stay."""
        ended = select(jobs.c.key).where(
            jobs.c.status.in_([status.value for status in ENDED]), jobs.c.updated_at < before
        )
        # Reconciliation asks what was heard of a job that has not ended: those events stay as long as it lives.
        alive = (
            select(jobs.c.key)
            .where(jobs.c.key == inbox.c.key, jobs.c.status.not_in([status.value for status in ENDED]))
            .exists()
        )
        deleted = 0
        async with self.database.engine.begin() as connection:
            for table, old in (
                (inbox, (inbox.c.done_at < before) & inbox.c.error.is_(None) & ~alive),
                (job_events, job_events.c.at < before),
                (module_calls, module_calls.c.job_key.in_(ended)),
                (effects, effects.c.job_key.in_(ended)),
                (job_moves, job_moves.c.job_key.in_(ended)),
            ):
                ids = select(table.c.id).where(old).limit(limit).scalar_subquery()
                deleted += (await connection.execute(delete(table).where(table.c.id.in_(ids)))).rowcount
            deleted += (await connection.execute(delete(steps).where(steps.c.created_at < before))).rowcount
        return deleted
