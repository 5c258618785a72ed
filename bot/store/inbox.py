"""The inbox: every event that was accepted, once, in order, until a task has dealt with it.

A row is open until `done_by` names the task that handled it. A row that keeps failing is set aside: done by
`SET_ASIDE`, with the reason in `error`, until an operator requeues it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, RowMapping, Table, bindparam, case, func, null, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.jobs.events import InboxRow
from bot.store.arrivals import NewEvent as NewEvent
from bot.store.arrivals import StoredEvent as StoredEvent
from bot.store.keys import is_pull
from bot.store.tables import inbox, jobs

SET_ASIDE = "set-aside"
DROPPED = "dropped"
NO_JOB = "no job"
BEGINNING = ("issues", "skill_fleet")
"""Events that may make a job where there is none."""
GRACE = timedelta(seconds=10)
"""How long a row may stay open without a try before the sweeper looks at it."""
PULL_PATIENCE = timedelta(minutes=10)
"""How long an event of a pull request may wait for a job to claim that pull request."""
POSTPONED = timedelta(seconds=30)
"""How long the sweeper leaves those alone whose task waits to begin, when there are more than it looks at."""
DUE_AT_ONCE = 500
ROWS_PER_INSERT = 64
COLUMNS = (
    "delivery",
    "key",
    "event",
    "action",
    "repo_id",
    "installation_id",
    "body",
    "received_at",
    "next_at",
)
RETRIES = tuple(timedelta(seconds=seconds) for seconds in (2, 5, 15, 60, 120, 300, 600, 1_800, 3_600))
"""Waits before the tries of what failed; the last one holds from then on. Ten tries take almost three hours."""
PATIENT_TRIES = 5
"""What only has to wait for something outside is counted no further than this: looked at every five minutes."""
PATIENCE = timedelta(hours=24)
"""How long; afterwards it counts as failing like anything else."""


_OPEN_ROWS = (
    select(*(inbox.c[name] for name in InboxRow.model_fields))
    .where(inbox.c.key == bindparam("job"), inbox.c.done_by.is_(None))
    .order_by(inbox.c.id)
    .limit(bindparam("limit"))
)
_OPEN_AFTER = select(inbox.c.event, inbox.c.action).where(
    inbox.c.key == bindparam("job"), inbox.c.done_by.is_(None), inbox.c.id > bindparam("after")
)


@dataclass(frozen=True, slots=True)
class OpenKey:
    """A job key with rows that nobody has dealt with."""

    key: str
    first_id: int
    last_id: int
    attempts: int


@dataclass(frozen=True, slots=True, order=True)
class SetAside:
    """An event that is not tried any more."""

    id: int
    event: str
    action: str


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """A row as operators see it."""

    id: int
    delivery: str
    key: str
    event: str
    action: str
    received_at: datetime
    done_by: str | None
    done_at: datetime | None
    attempts: int
    error: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Backlog:
    """Open rows: how many, since when the oldest waits, and how many were set aside."""

    open: int
    oldest: datetime | None
    set_aside: int


def retry_delay(attempts: int) -> timedelta:
    """Wait before try `attempts` + 1."""
    return RETRIES[min(attempts, len(RETRIES) - 1)]


@cache
def insert_ignoring_known(dialect: str, table: Table, *conflict: str) -> Insert:
    """An insert whose `rowcount` says whether the row was new (SQLAlchemy drops the count of inserts unless told)."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement: Insert = insert(table).on_conflict_do_nothing(index_elements=conflict)
    return statement.execution_options(preserve_rowcount=True)


class Inbox:
    """The inbox table."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        sqlite = engine.dialect.name == "sqlite"
        self._mark = "?" if sqlite else "%s"
        self._time: Callable[[datetime], object] = sqlite_time if sqlite else _as_it_is
        self._inserts: dict[int, str] = {}

    async def add(self, events: Sequence[NewEvent]) -> list[StoredEvent]:
        """Store the events that are not known yet, all in one transaction, in order; returns those that were new."""
        async with self._engine.begin() as connection:
            return await connection.run_sync(self.add_within, events)

    async def add_closing_orphans(self, events: Sequence[NewEvent]) -> list[StoredEvent]:
        """As `add`; talk that concerns no job is done in the same transaction."""
        async with self._engine.begin() as connection:
            stored = await connection.run_sync(self.add_within, events)
            talk = [new.id for new in stored if new.event.talk]
            closed = await self._close_orphans(connection, talk, datetime.now(UTC)) if talk else set()
        return [replace(new, closed=True) if new.id in closed else new for new in stored]

    def add_within(self, connection: Connection, events: Sequence[NewEvent]) -> list[StoredEvent]:
        by_delivery: dict[str, NewEvent] = {}
        for event in events:
            by_delivery.setdefault(event.delivery, event)
        new: list[StoredEvent] = []
        for some in batched(list(by_delivery.values()), ROWS_PER_INSERT):
            parameters = tuple(value for event in some for value in row_of(event, self._time))
            for row in connection.exec_driver_sql(self._insert(len(some)), parameters):
                event = by_delivery[row.delivery]
                new.append(StoredEvent(row.id, event.key, event))
        return sorted(new, key=lambda stored: stored.id)

    def _insert(self, count: int) -> str:
        """The hottest statement there is; written out, since compiling it costs more than running it."""
        if count not in self._inserts:
            row = f"({', '.join([self._mark] * len(COLUMNS))})"
            self._inserts[count] = (
                f"INSERT INTO inbox ({', '.join(COLUMNS)}) VALUES {', '.join([row] * count)} "  # noqa: S608 (constants)
                "ON CONFLICT (delivery) DO NOTHING RETURNING id, delivery"
            )
        return self._inserts[count]

    async def open_rows(self, key: str, limit: int = 200) -> list[InboxRow]:
        """The rows of this job that nobody has dealt with, oldest first."""
        async with self._engine.connect() as connection:
            return await connection.run_sync(open_rows_within, key, limit)

    async def due(self, now: datetime, limit: int = DUE_AT_ONCE) -> list[OpenKey]:
        """Keys with open rows whose next try is due, longest waiting first."""
        return await self._open_keys(limit, inbox.c.next_at <= now)

    async def untroubled(self, limit: int = 10_000) -> list[OpenKey]:
        """Keys with open rows whose last task did not fail, due or not: what a dead process leaves behind."""
        return await self._open_keys(limit, inbox.c.error.is_(None))

    async def _open_keys(self, limit: int, *conditions: Any) -> list[OpenKey]:
        query = (
            select(inbox.c.key, func.min(inbox.c.id), func.max(inbox.c.id), func.max(inbox.c.attempts))
            .where(inbox.c.done_by.is_(None), *conditions)
            .group_by(inbox.c.key)
            .order_by(func.min(inbox.c.id))
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            return [OpenKey(*row) for row in await connection.execute(query)]

    async def count_try(self, key: str, up_to: int, now: datetime, attempts: int) -> None:
        """One more try of the rows of `key` begins; the next is due when this one came to nothing."""
        await self._update(
            update(inbox)
            .where(inbox.c.key == key, inbox.c.done_by.is_(None), inbox.c.id <= up_to)
            .values(attempts=attempts + 1, next_at=now + retry_delay(attempts + 1))
        )

    async def note_failure(
        self,
        key: str,
        reason: str,
        now: datetime,
        *,
        row: int | None = None,
        patient_tries: int | None = None,
    ) -> datetime:
        """The task on `key` failed: remember why. When it is tried again.

        `row`: the event that failed, when it is one in particular; the others are then not to blame.
        `patient_tries`: it only has to wait for something outside, and its tries are counted up to this at most.
        """
        is_open = (inbox.c.key == key) & inbox.c.done_by.is_(None)
        async with self._engine.begin() as connection:
            query = select(func.max(inbox.c.attempts), func.min(inbox.c.received_at)).where(is_open)
            tries, since = (await connection.execute(query)).one()
            tries = tries or 0
            if patient_tries is not None and (since is None or now - since < PATIENCE):
                tries = min(tries, patient_tries, PATIENT_TRIES)
            again = now + retry_delay(tries)
            counted = case((inbox.c.attempts > tries, tries), else_=inbox.c.attempts)
            blamed = reason[:2_000] if row is None else case((inbox.c.id == row, reason[:2_000]), else_=null())
            values = {"error": blamed, "next_at": again, "attempts": counted}
            await connection.execute(update(inbox).where(is_open).values(**values))
        return again

    async def hasten(self, now: datetime) -> None:
        """The clock was set back: nothing has to wait for times that were meant by another clock."""
        await self._update(update(inbox).where(inbox.c.done_by.is_(None), inbox.c.next_at > now).values(next_at=now))

    async def next_due(self) -> datetime | None:
        """When the next open event is due for another try."""
        query = select(func.min(inbox.c.next_at)).where(inbox.c.done_by.is_(None))
        async with self._engine.connect() as connection:
            due: datetime | None = (await connection.execute(query)).scalar_one()
        return due

    async def look_later(self, keys: Collection[str], until: datetime) -> None:
        """The sweeper need not look at the rows of these keys before then."""
        await self._update(
            update(inbox).where(inbox.c.key.in_(list(keys)), inbox.c.done_by.is_(None)).values(next_at=until)
        )

    async def postpone(self, key: str, until: datetime) -> None:
        """The rows of `key` could not have their turn and get it at `until`: that was no try."""
        await self._update(
            update(inbox)
            .where(inbox.c.key == key, inbox.c.done_by.is_(None))
            .values(
                next_at=until,
                attempts=case((inbox.c.attempts > 0, inbox.c.attempts - 1), else_=0),
            )
        )

    async def set_aside(self, key: str, up_to: int, reason: str, now: datetime) -> list[SetAside]:
        """Stop trying the rows of `key` up to `up_to` that failed; they keep their reason until requeued.

        Rows that only waited behind a failing one begin anew. When none is to blame, all are set aside.
        """
        tried = (inbox.c.key == key) & inbox.c.done_by.is_(None) & (inbox.c.id <= up_to)
        aside = {"done_by": SET_ASIDE, "done_at": now, "error": func.coalesce(inbox.c.error, reason)}
        async with self._engine.begin() as connection:
            for which in (tried & inbox.c.error.is_not(None), tried):
                statement = update(inbox).where(which).values(**aside)
                rows = await connection.execute(statement.returning(inbox.c.id, inbox.c.event, inbox.c.action))
                if found := sorted(SetAside(*row) for row in rows):
                    break
            await connection.execute(update(inbox).where(tried).values(attempts=0, next_at=now))
        return found

    async def requeue(self, ids: Collection[int], now: datetime) -> list[OpenKey]:
        """Open these rows again (set aside or done); the keys to wake."""
        statement = (
            update(inbox)
            .where(inbox.c.id.in_(list(ids)))
            .values(done_by=None, done_at=None, error=None, attempts=0, next_at=now)
            .returning(inbox.c.key, inbox.c.id)
        )
        async with self._engine.begin() as connection:
            rows = (await connection.execute(statement)).all()
        keys: dict[str, list[int]] = {}
        for key, id_ in rows:
            keys.setdefault(key, []).append(id_)
        return [OpenKey(key, min(found), max(found), 0) for key, found in keys.items()]

    async def drop(self, ids: Collection[int], now: datetime) -> set[int]:
        """Never deal with these rows, open or set aside; those that were. Their reason stays to be read."""
        undone = inbox.c.done_by.is_(None) | (inbox.c.done_by == SET_ASIDE)
        statement = (
            update(inbox)
            .where(inbox.c.id.in_(list(ids)), undone)
            .values(done_by=DROPPED, done_at=now)
            .returning(inbox.c.id)
        )
        async with self._engine.begin() as connection:
            return set((await connection.execute(statement)).scalars())

    @staticmethod
    async def _close_orphans(connection: AsyncConnection, ids: Collection[int], now: datetime) -> set[int]:
        """Close those of these rows that can concern no job; the rows that were closed.

        Only an issue's own events can begin a job. Talk and checks of an issue without a job, and without an event of
        its own still waiting, are what an organisation says all day; they are not worth a task each.
        """
        older = inbox.alias()
        begins = select(older.c.id).where(
            older.c.key == inbox.c.key, older.c.done_by.is_(None), older.c.event.in_(BEGINNING)
        )
        statement = (
            update(inbox)
            .where(
                inbox.c.id.in_(list(ids)),
                inbox.c.done_by.is_(None),
                ~select(jobs.c.key).where(jobs.c.key == inbox.c.key).exists(),
                ~begins.exists(),
            )
            .values(done_by=NO_JOB, done_at=now)
            .returning(inbox.c.id)
        )
        return set((await connection.execute(statement)).scalars())

    async def close_unclaimed(self, key: str, now: datetime) -> None:
        """No job made this pull request: its due events concern nobody."""
        await self._update(
            update(inbox)
            .where(inbox.c.key == key, inbox.c.done_by.is_(None), inbox.c.next_at <= now)
            .values(done_by=NO_JOB, done_at=now)
        )

    async def mark_done(self, ids: Collection[int], by: str, now: datetime) -> None:
        async with self._engine.begin() as connection:
            await connection.run_sync(mark_done_within, ids, by, now)

    async def rekey(self, ids: Collection[int], key: str, now: datetime) -> None:
        """These open rows belong to the job `key`, and are due at once."""
        await self._update(
            update(inbox).where(inbox.c.id.in_(list(ids)), inbox.c.done_by.is_(None)).values(key=key, next_at=now)
        )

    async def rekey_pulls(self, now: datetime) -> set[str]:
        """Give open rows that arrived under a pull request to the job that made it; the keys of those jobs."""
        owner = select(jobs.c.key).where(jobs.c.pull_key == inbox.c.key)
        statement = (
            update(inbox)
            .where(inbox.c.done_by.is_(None), owner.exists())
            .values(key=owner.scalar_subquery(), next_at=now + GRACE)
            .returning(inbox.c.key)
        )
        async with self._engine.begin() as connection:
            return set((await connection.execute(statement)).scalars())

    async def list_entries(
        self, *, state: str = "open", key: str | None = None, limit: int = 100, before: int | None = None
    ) -> list[InboxEntry]:
        """Newest first. `state` is `open`, `set-aside` or `all`."""
        query = select(inbox).order_by(inbox.c.id.desc()).limit(limit)
        if state == "open":
            query = query.where(inbox.c.done_by.is_(None))
        elif state == SET_ASIDE:
            query = query.where(inbox.c.error.is_not(None), inbox.c.done_by == SET_ASIDE)
        if key is not None:
            query = query.where(inbox.c.key == key)
        if before is not None:
            query = query.where(inbox.c.id < before)
        async with self._engine.connect() as connection:
            return [_entry(row) for row in (await connection.execute(query)).mappings()]

    async def entry(self, id_: int) -> InboxEntry | None:
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(inbox).where(inbox.c.id == id_))).mappings().first()
        return _entry(row) if row is not None else None

    async def backlog(self) -> Backlog:
        open_rows = select(func.count(), func.min(inbox.c.received_at)).where(inbox.c.done_by.is_(None))
        aside = select(func.count()).where(inbox.c.error.is_not(None), inbox.c.done_by == SET_ASIDE)
        async with self._engine.connect() as connection:
            count, oldest = (await connection.execute(open_rows)).one()
            return Backlog(count, oldest, (await connection.execute(aside)).scalar_one())

    async def _update(self, statement: Any) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(statement)


def mark_done_within(connection: Connection, ids: Iterable[int], by: str, now: datetime) -> None:
    """Rows that are open are done now, by this task; rows already done stay as they are."""
    connection.execute(
        update(inbox)
        .where(inbox.c.id.in_(list(ids)), inbox.c.done_by.is_(None))
        .values(done_by=by, done_at=now, error=None)
    )


def open_rows_within(connection: Connection, key: str, limit: int = 200) -> list[InboxRow]:
    return [InboxRow(**row) for row in connection.execute(_OPEN_ROWS, {"job": key, "limit": limit}).mappings()]


def has_open_after_within(connection: Connection, key: str, after: int, events: Collection[tuple[str, str]]) -> bool:
    """Is there an open row newer than `after` that is one of these (event, action) pairs?"""
    found = connection.execute(_OPEN_AFTER, {"job": key, "after": after})
    return any((row.event, row.action) in events for row in found)


def batched(events: Sequence[NewEvent], size: int) -> Iterator[Sequence[NewEvent]]:
    """Full batches while there are enough, then halves: few different statements, whatever the number."""
    start = 0
    while start < len(events):
        while size > len(events) - start:
            size //= 2
        yield events[start : start + size]
        start += size


def row_of(event: NewEvent, time: Callable[[datetime], object]) -> tuple[object, ...]:
    """In the order of `COLUMNS`; `time` makes of a time what the database stores."""
    next_at = event.due_at or event.received_at + (PULL_PATIENCE if is_pull(event.key) else GRACE)
    return (
        event.delivery,
        event.key,
        event.event,
        event.action,
        event.repo_id,
        event.installation_id,
        event.body,
        time(event.received_at),
        time(next_at),
    )


def sqlite_time(value: datetime) -> str:
    """As `Utc` stores it."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _as_it_is(value: datetime) -> datetime:
    return value


def _entry(row: RowMapping) -> InboxEntry:
    return InboxEntry(**{name: row[name] for name in InboxEntry.__slots__})
