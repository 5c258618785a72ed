"""What reconciliation needs to know of jobs and stored events, and how it hands in what was missing."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError
from sqlalchemy import or_, select

from bot.github.missed import SyntheticDelivery
from bot.jobs.job import ENDED, Job, JobStatus, Repository
from bot.jobs.payloads import Payload
from bot.jobs.ports import SupersededError
from bot.store.inbox import NewEvent
from bot.store.keys import pull_key
from bot.store.stores import Stores
from bot.store.tables import TALK, inbox, jobs
from bot.subjects import subject

REVERSIBLE_FOR = timedelta(days=30)
"""How long a closed pull request is watched for being reopened or merged after all."""

_OPEN = [status.value for status in JobStatus if status not in ENDED]
_REVERSIBLE = [JobStatus.REJECTED.value, JobStatus.CANCELLED.value, JobStatus.FAILED.value]


class SqlLedger:
    """Implements `bot.github.missed.Ledger`. What it hands in is found by the sweeper's next round."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def find(self, key: str) -> Job | None:
        row = await self._stores.jobs.find(key)
        return row.job if row is not None else None

    async def watched(self, repository_id: int) -> Sequence[Job]:
        recently = jobs.c.updated_at > datetime.now(UTC) - REVERSIBLE_FOR
        changeable = jobs.c.status.in_(_REVERSIBLE) & jobs.c.pull_key.is_not(None) & recently
        query = (
            select(jobs.c.state)
            .where(jobs.c.repo_id == repository_id, or_(jobs.c.status.in_(_OPEN), changeable))
            .order_by(jobs.c.issue_number)
        )
        async with self._stores.database.engine.connect() as connection:
            return [Job.model_validate_json(row.state) for row in await connection.execute(query)]

    async def heard(self, key: str) -> frozenset[str]:
        job = await self.find(key)
        keys = {key}
        if job is not None and job.pull is not None:
            keys.add(pull_key(job.repository.id, job.pull.number))
        query = select(inbox.c.event, inbox.c.body).where(inbox.c.key.in_(sorted(keys)), TALK)
        async with self._stores.database.engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return frozenset(f"{event}:{words}" for event, body in rows if (words := _words(body)))

    async def adopt(self, repository: Repository) -> None:
        query = select(jobs.c.key).where(
            jobs.c.repo_id == repository.id,
            jobs.c.installation_id != repository.installation_id,
            jobs.c.status.in_(_OPEN),
        )
        async with self._stores.database.engine.connect() as connection:
            keys = list((await connection.execute(query)).scalars())
        for key in keys:
            row = await self._stores.jobs.find(key)
            if row is None:
                continue
            task = f"adopt:{repository.installation_id}:{row.rev}"
            with suppress(SupersededError):  # somebody works on it; its next event brings the installation along
                job = row.job.with_(repository=repository)
                await self._stores.jobs.save(job, rev=row.rev, done=(), task=task)

    async def deliver(self, delivery: SyntheticDelivery) -> bool:
        event = NewEvent(
            delivery=delivery.delivery,
            key=subject(delivery.event, delivery.payload),
            event=delivery.event,
            action=delivery.action,
            body=delivery.body,
            repo_id=delivery.repository_id,
            installation_id=delivery.installation_id,
            due_at=datetime.now(UTC),  # nobody is woken for it: the sweeper's next round takes it up
        )
        return bool(await self._stores.inbox.add([event]))


def _words(body: bytes) -> int:
    """The id of the comment or review in a payload; 0 when there is none."""
    try:
        payload = Payload.model_validate_json(body)
    except ValidationError:
        return 0
    said = payload.comment or payload.review
    return said.id if said is not None else 0
