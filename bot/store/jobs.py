"""The jobs table behind `ports.JobStore`: saves are guarded by the revision and safe to repeat for the same task."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.jobs.events import CANCEL, OWN_EVENT, PROMOTED, WORK, InboxRow
from bot.jobs.job import LIVING, Job, JobStatus, Pull
from bot.jobs.ports import Loaded, SupersededError
from bot.store.history import Before, increments_of, note_move_within
from bot.store.inbox import (
    Inbox,
    NewEvent,
    has_open_after_within,
    insert_ignoring_known,
    mark_done_within,
    open_rows_within,
)
from bot.store.keys import outcomes_key, pull_key
from bot.store.listed import Listed
from bot.store.steps import forget_within
from bot.store.tables import jobs
from bot.store.together import Batch, Together

INTERRUPTING = frozenset(
    {
        ("issues", "closed"),
        ("issues", "deleted"),
        ("issues", "transferred"),
        ("issues", "unlabeled"),
        ("issues", "edited"),
        ("issue_comment", "created"),
        ("issue_comment", "edited"),
        ("pull_request", "closed"),
        ("installation", "deleted"),
        ("installation", "suspend"),
        ("installation_repositories", "removed"),
        (OWN_EVENT, CANCEL),
    }
)
"""Events that may change what a running phase should do. What it then does is the state machine's decision."""


_TIMERS = {"remind": jobs.c.remind_at, "expire": jobs.c.expire_at, "look": jobs.c.look_at}


def _work(job: Job, rev: int) -> NewEvent:
    """The row that is open as long as the job runs: what loses its task is found by the sweeper, counted and tried."""
    return NewEvent(
        delivery=f"{WORK}:{job.key}:{rev}",
        key=job.key,
        event=OWN_EVENT,
        action=WORK,
        body=b"{}",
        repo_id=job.repository.id,
        installation_id=job.repository.installation_id,
    )


def _promoted(job: Job, pull: Pull) -> NewEvent:
    """Tells the other jobs of the repository, once, that this skill is there and the default branch has moved."""
    skill = {"name": pull.path.rpartition("/")[2], "path": pull.path, "pull_number": pull.number}
    now = datetime.now(UTC)
    return NewEvent(
        delivery=f"{PROMOTED}:{job.key}",
        key=f"repository:{job.repository.id}",
        event=OWN_EVENT,
        action=PROMOTED,
        body=json.dumps({"promoted": skill, "repository_id": job.repository.id}).encode(),
        repo_id=job.repository.id,
        installation_id=job.repository.installation_id,
        received_at=now,
        due_at=now,
    )


_FIND = select(jobs).where(jobs.c.key == bindparam("job"))
_OURS = and_(jobs.c.key == bindparam("job"), jobs.c.rev == bindparam("revision"))
_BEFORE = select(jobs.c.status, jobs.c.status_since, jobs.c.updated_at, jobs.c.draft).where(_OURS)
_UPDATE = update(jobs).where(_OURS)


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job with what the table knows beyond it."""

    job: Job
    rev: int
    cost_usd: float | None
    last_task: str


@dataclass(frozen=True, slots=True)
class DueTimer:
    key: str
    timer: str
    due_at: datetime
    repo_id: int
    installation_id: int


def _now() -> datetime:
    return datetime.now(UTC)


class Jobs:
    """Implements `ports.JobStore`; the rest serves timers, operators and the API."""

    def __init__(
        self, engine: AsyncEngine, inbox: Inbox, together: Together, clock: Callable[[], datetime] = _now
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._inbox = inbox
        self._together = together

    async def load(self, key: str) -> Loaded:
        def look(connection: Connection) -> tuple[Row[Any] | None, list[InboxRow]]:
            return connection.execute(_FIND, {"job": key}).first(), open_rows_within(connection, key)

        found, rows = await self._together.look(look)
        row = _job_row(found) if found is not None else None
        return Loaded(job=row.job if row else None, rev=row.rev if row else 0, rows=rows)

    async def save(self, job: Job, *, rev: int, done: Sequence[int], task: str) -> int:
        # The job's own time is that at which its turn began: a phase ran since, so it is no time to measure by.
        now, columns = self._clock(), _columns(job)
        await self._together.write(lambda batch: self._save(batch, job, columns, rev, done, task, now))
        return rev + 1

    def _save(
        self,
        batch: Batch,
        job: Job,
        columns: Mapping[str, object],
        rev: int,
        done: Sequence[int],
        task: str,
        now: datetime,
    ) -> None:
        connection = batch.connection
        before = _before(connection, job.key, rev)
        since = before.since if job.status is before.status else now
        written = _written(connection, job, {**columns, "last_task": task, "status_since": since}, rev)
        if not written:
            _assert_own(connection, job.key, rev, task)
        elif job.status is JobStatus.RUNNING:
            self._inbox.add_within(connection, [_work(job, rev + 1)])
        elif job.status is JobStatus.PROMOTED and job.pull is not None:
            self._inbox.add_within(connection, [_promoted(job, job.pull)])
        if done:
            mark_done_within(connection, done, task, datetime.now(UTC))
        if written:
            if job.status is not before.status:
                note_move_within(connection, job, now)
            if before.status is JobStatus.RUNNING and job.status is not JobStatus.RUNNING:
                forget_within(connection, outcomes_key(job.key))
            batch.count(now, increments_of(before, job, now))

    async def discard(self, key: str, *, done: Sequence[int], task: str) -> None:
        await self._together.write(lambda batch: mark_done_within(batch.connection, done, task, datetime.now(UTC)))

    async def interrupted(self, key: str, after: int) -> bool:
        return await self._together.look(lambda connection: has_open_after_within(connection, key, after, INTERRUPTING))

    async def find(self, key: str) -> JobRow | None:
        row = await self._together.look(lambda connection: connection.execute(_FIND, {"job": key}).first())
        return _job_row(row) if row is not None else None

    async def find_by_pull(self, repo_id: int, number: int) -> JobRow | None:
        query = select(jobs).where(jobs.c.pull_key == pull_key(repo_id, number))
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        return _job_row(row) if row is not None else None

    async def find_by_issue(self, owner: str, name: str, number: int) -> JobRow | None:
        """By today's name of the repository; the newest when a name was reused by another repository."""
        query = (
            select(jobs)
            .where(jobs.c.owner == owner, jobs.c.name == name, jobs.c.issue_number == number)
            .order_by(jobs.c.updated_at.desc())
            .limit(1)
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        return _job_row(row) if row is not None else None

    async def list_jobs(
        self,
        *,
        statuses: Collection[JobStatus] = (),
        owner: str | None = None,
        name: str | None = None,
        limit: int = 100,
        before: datetime | None = None,
        after: tuple[datetime, str] | None = None,
        waiting: bool = False,
    ) -> list[JobRow]:
        """Last changed first; with `waiting`, those that wait, longest first. `before` pages on by time.

        `after` pages on exactly: the time that orders (`updated_at`, or `waiting_since` with `waiting`) and the key of
        the last job seen.
        """
        keys = _keys(statuses, owner, name, limit, after, waiting)
        if before is not None:
            keys = keys.where(jobs.c.updated_at < before)
        return [_job_row(row) for row in await self._in_order(keys)]

    async def listed(
        self,
        *,
        statuses: Collection[JobStatus] = (),
        owner: str | None = None,
        name: str | None = None,
        limit: int = 100,
        after: tuple[datetime, str] | None = None,
        waiting: bool = False,
    ) -> list[Listed]:
        """The same for showing a list, at a tenth of the cost."""
        rows = await self._in_order(_keys(statuses, owner, name, limit, after, waiting))
        return [Listed.model_validate_json(row.state) for row in rows]

    async def _in_order(self, keys: Select[str]) -> list[Row[Any]]:
        """The state is large: an index finds the keys, and only these rows are read."""
        async with self._engine.connect() as connection:
            wanted = list((await connection.execute(keys)).scalars())
            found = await connection.execute(select(jobs).where(jobs.c.key.in_(wanted))) if wanted else ()
            rows = {row.key: row for row in found}
        return [rows[key] for key in wanted if key in rows]

    async def repositories(self, limit: int = 200) -> list[str]:
        """Full names of repositories that have jobs, in order."""
        query = select(jobs.c.owner, jobs.c.name).distinct().order_by(jobs.c.owner, jobs.c.name).limit(limit)
        async with self._engine.connect() as connection:
            return [f"{owner}/{name}" for owner, name in await connection.execute(query)]

    async def last_change(self) -> tuple[datetime, str] | None:
        """When a job changed last, and which: what an open list looks at to know whether it is current."""
        query = select(jobs.c.updated_at, jobs.c.key).order_by(jobs.c.updated_at.desc(), jobs.c.key).limit(1)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        return (row.updated_at, row.key) if row is not None else None

    async def revision(self, key: str) -> tuple[int, JobStatus] | None:
        """Which save of a job is the newest, and its status, without reading the job."""
        query = select(jobs.c.rev, jobs.c.status).where(jobs.c.key == key)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        return (row.rev, JobStatus(row.status)) if row is not None else None

    async def counts(self) -> dict[JobStatus, int]:
        query = select(jobs.c.status, func.count()).group_by(jobs.c.status)
        async with self._engine.connect() as connection:
            return {JobStatus(status): count for status, count in await connection.execute(query)}

    async def oldest_waiting(self) -> datetime | None:
        """Since when the longest waiting job waits for a person."""
        query = (
            select(jobs.c.waiting_since)
            .where(jobs.c.waiting_since.is_not(None), jobs.c.status != JobStatus.QUEUED.value)
            .order_by(jobs.c.waiting_since)
            .limit(1)
        )
        async with self._engine.connect() as connection:
            oldest: datetime | None = (await connection.execute(query)).scalar_one_or_none()
        return oldest

    async def due_timers(self, now: datetime, limit: int = 500) -> list[DueTimer]:
        """Reminders, expiries and looks whose time has come."""
        due: list[DueTimer] = []
        async with self._engine.connect() as connection:
            for timer, column in _TIMERS.items():
                query = (
                    select(jobs.c.key, column, jobs.c.repo_id, jobs.c.installation_id)
                    .where(column <= now)
                    .order_by(column)
                    .limit(limit)
                )
                due += [
                    DueTimer(key, timer, at, repo, installation)
                    for key, at, repo, installation in await connection.execute(query)
                ]
        return due

    async def open_keys_of(
        self,
        *,
        installation_id: int | None = None,
        repo_ids: Collection[int] = (),
        statuses: Collection[JobStatus] = LIVING,
    ) -> list[str]:
        """Jobs of an installation or of repositories in these statuses: who is concerned when the App is removed."""
        conditions: list[ColumnElement[bool]] = [jobs.c.repo_id.in_(list(repo_ids))]
        if installation_id is not None:
            conditions.append(jobs.c.installation_id == installation_id)
        query = select(jobs.c.key).where(or_(*conditions), jobs.c.status.in_([status.value for status in statuses]))
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())


def _before(connection: Connection, key: str, rev: int) -> Before:
    if rev == 0:
        return Before()
    found = connection.execute(_BEFORE, {"job": key, "revision": rev}).first()
    if found is None:
        return Before()
    return Before(JobStatus(found.status), found.status_since or found.updated_at, found.draft)


def _written(connection: Connection, job: Job, columns: Mapping[str, object], rev: int) -> bool:
    """Was the job written? Not when its revision is another one by now."""
    values = {**columns, "rev": rev + 1}
    if rev == 0:
        new = insert_ignoring_known(connection.dialect.name, jobs, "key")
        return connection.execute(new, {"key": job.key, "created_at": job.created_at, **values}).rowcount == 1
    return connection.execute(_UPDATE, {"job": job.key, "revision": rev, **values}).rowcount == 1


def _assert_own(connection: Connection, key: str, rev: int, task: str) -> None:
    """A row already at the next revision by the same task is our own commit before a crash."""
    found = connection.execute(select(jobs.c.rev, jobs.c.last_task).where(jobs.c.key == key)).first()
    if found is None or tuple(found) != (rev + 1, task):
        raise SupersededError(f"{key}: revision {rev} was expected, {found.rev if found else 'none'} is stored")


def _keys(
    statuses: Collection[JobStatus],
    owner: str | None,
    name: str | None,
    limit: int,
    after: tuple[datetime, str] | None,
    waiting: bool,
) -> Select[str]:
    order = jobs.c.waiting_since if waiting else jobs.c.updated_at
    keys = select(jobs.c.key).order_by(order if waiting else order.desc(), jobs.c.key).limit(limit)
    if waiting:
        keys = keys.where(jobs.c.waiting_since.is_not(None))
    if len(statuses) == 1 and not waiting:
        keys = keys.where(jobs.c.status.in_([status.value for status in statuses]))
    elif statuses:  # said the other way round, so that the index that gives the order is used, not that of the status
        keys = keys.where(jobs.c.status.not_in([status.value for status in JobStatus if status not in statuses]))
    if owner is not None:
        keys = keys.where(jobs.c.owner == owner)
    if name is not None:
        keys = keys.where(jobs.c.name == name)
    if after is not None:
        at, key = after
        beyond = order > at if waiting else order < at
        keys = keys.where(or_(beyond, and_(order == at, jobs.c.key > key)))
    return keys


def _columns(job: Job) -> dict[str, object]:
    pull, generation = job.pull, job.journey.generation
    return {
        "status": job.status.value,
        "phase": job.journey.phase,
        "state": job.model_dump_json(),
        "repo_id": job.repository.id,
        "installation_id": job.repository.installation_id,
        "owner": job.repository.owner,
        "name": job.repository.name,
        "issue_number": job.issue_number,
        "pull_number": pull.number if pull else None,
        "pull_key": pull_key(job.repository.id, pull.number) if pull else None,
        "remind_at": job.remind_at,
        "expire_at": job.expire_at,
        "look_at": job.look_at,
        "waiting_since": job.waiting_since,
        "cost_usd": job.journey.usage.cost_usd,
        "updated_at": job.updated_at,
        "draft": generation.draft.digest if generation else None,
        "quality": generation.quality.overall_score if generation else None,
    }


def _job_row(row: Row[Any]) -> JobRow:
    return JobRow(Job.model_validate_json(row.state), row.rev, row.cost_usd, row.last_task)
