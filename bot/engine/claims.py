"""Which tasks begin next: claimed in the database, by one process at a time and fairly between repositories.

A claim sees what waits and runs on every process, so its limits hold over all of them: one task of a job, and so many
of a repository. The engine's own claims know no limit that spans jobs, can give two processes one task each of the same
job, and are asked for five times a second. What is claimed here is marked as the engine marks it, which then runs it.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from dbos import DBOS
from dbos._core import execute_dequeued_workflow
from dbos._dbos import _get_dbos_instance
from dbos._schemas import SCHEMA_PLACEHOLDER
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    String,
    Update,
    bindparam,
    exists,
    func,
    select,
    text,
)
from sqlalchemy import literal_column as sql

from bot.store.database import Database
from bot.store.instances import LIVING

QUEUE = "jobs"
APPLICATION = "skill-fleet"
APPLICATION_VERSION = "1"
"""Pinned: a version that changes with the code would orphan running tasks at every deploy."""
_CLAIMING = 0x536B_696C_6C46_6C74
"""PostgreSQL's number for the lock of whoever claims."""
_TAKE_THE_LOCK = text(
    # A process that is frozen between two statements must not keep the others from claiming.
    "SELECT pg_try_advisory_xact_lock(:lock) FROM set_config('idle_in_transaction_session_timeout', '5000', true)"
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """How many tasks run at a time."""

    workers: int = 16
    """In this process."""
    per_repository: int = 0
    """Of one repository, in all processes together; 0: half of the workers of all processes."""


class Claims:
    """Claims tasks for this process and has the engine run them. Needs a launched engine; one thread at a time."""

    def __init__(self, database: Database, executor_id: str, limits: Limits) -> None:
        self._database = database
        self._executor_id = executor_id
        self._limits = limits
        self._dbos: DBOS = _get_dbos_instance()
        self._waits, self._chosen, self._take, self._give_back = _statements(self._dbos, database.is_sqlite)
        self._unsure = ""
        """Whose claim failed on its way: it may be in the database, with nobody to run what it took."""
        self._broken_off: set[str] = set()

    def broke_off(self, task: str) -> None:
        """This task of ours ended in an error. Where the database could not note that, nobody else would ever end it,
        and its job would have no other. May be called from any thread."""
        self._broken_off.add(task)

    def begin(self, most: int) -> int:
        """Begin tasks of jobs that have none running, as many as there is room for but no more than `most`; how many.

        Whose repository has the fewest running comes first, and among equals who waits longest.
        """
        system = self._dbos._sys_db
        room = min(most, self._limits.workers - self._dbos._active_workflows_set.count_for_queue(QUEUE))
        if room <= 0:
            return 0
        with self._database.direct.connect() as connection:
            connection = connection.execution_options(schema_translate_map={SCHEMA_PLACEHOLDER: system.schema})
            if self._unsure:
                with connection.begin():
                    connection.execute(self._give_back.of_owner, {"owner": self._unsure})
            if broken_off := list(self._broken_off):
                with connection.begin():
                    mine = {"tasks": broken_off, "executor": self._executor_id}
                    connection.execute(self._give_back.of_tasks, mine)
                self._broken_off.difference_update(broken_off)
            owner = self._unsure = str(uuid.uuid4())
            with connection.begin():
                tasks = self.claim(connection, room, owner)
        claimed = system.get_workflow_statuses(tasks) if tasks else []
        self._unsure = ""
        for status in claimed:
            try:
                execute_dequeued_workflow(self._dbos, status, owner)
            except Exception as error:  # begun too often, most likely: then the engine has closed it, if it could
                _log.warning("a task could not begin", task=status["workflow_uuid"], reason=str(error)[:300])
                self.broke_off(status["workflow_uuid"])
        return len(tasks)

    def claim(self, connection: Connection, room: int, owner: str) -> list[str]:
        if connection.execute(self._waits).first() is None:
            return []
        if not self._database.is_sqlite and not connection.scalar(_TAKE_THE_LOCK, {"lock": _CLAIMING}):
            return []
        chosen = {"room": room, "limit": self._limit(connection)}
        tasks: Sequence[str] = connection.execute(self._chosen, chosen).scalars().all()
        if not tasks:
            return []
        taken = connection.execute(self._take, {"tasks": tasks, "owner": owner, "executor": self._executor_id})
        still = set(taken.scalars())
        return [task for task in tasks if task in still]

    def _limit(self, connection: Connection) -> int:
        if self._limits.per_repository:
            return self._limits.per_repository
        processes = 1 if self._database.is_sqlite else connection.scalar(LIVING) or 1
        return max(1, self._limits.workers * processes // 2)


def in_flight(tasks: FromClause, *states: str) -> ColumnElement[bool]:
    """Tasks of ours in these states, `ENQUEUED` (nobody has begun them) or `PENDING` (under way)."""
    # Literally, and once more in the words of the partial index: SQLite does not use it otherwise.
    both: list[ColumnElement[str]] = [sql("'ENQUEUED'"), sql("'PENDING'")]
    wanted: list[ColumnElement[str]] = [sql(f"'{state}'") for state in states]
    return (
        (tasks.c.queue_name == sql(f"'{QUEUE}'"))
        & tasks.c.status.in_(wanted)
        & tasks.c.status.in_(both)
        & tasks.c.queue_partition_key.is_not(None)
    )


@dataclass(frozen=True)
class _GiveBack:
    """Leave tasks that nobody runs to anybody."""

    of_owner: Update
    of_tasks: Update


def _statements(dbos: DBOS, sqlite: bool) -> tuple[Select[int], Select[str], Update, _GiveBack]:
    """(does any task wait, which of them begin, begin them, give them back)."""
    system = dbos._sys_db
    tasks = system.tables.workflow_status
    running = tasks.alias("running")
    waiting, under_way = in_flight(tasks, "ENQUEUED"), in_flight(running, "PENDING")
    # First of all one that was begun, by a process that is dead by now: what it goes on from is older than all that a
    # newer task has seen. By age alone it might come second, since SQLite's engine counts whole seconds.
    age = func.row_number().over(
        partition_by=tasks.c.queue_partition_key,
        order_by=(tasks.c.recovery_attempts.desc(), tasks.c.created_at, tasks.c.workflow_uuid),
    )
    aged = (
        select(
            _repository(tasks.c.queue_partition_key, sqlite).label("repository"),
            tasks.c.workflow_uuid.label("task"),
            tasks.c.created_at.label("since"),
            age.label("age"),
        )
        .where(waiting)
        .where(~exists().where(under_way, running.c.queue_partition_key == tasks.c.queue_partition_key))
        .subquery()
    )
    firsts = select(aged).where(aged.c.age == 1).subquery()
    busy = (
        select(_repository(running.c.queue_partition_key, sqlite).label("repository"), func.count().label("count"))
        .where(under_way)
        .group_by(sql("1"))
        .subquery()
    )
    place = func.row_number().over(partition_by=firsts.c.repository, order_by=(firsts.c.since, firsts.c.task))
    turns = (
        select(firsts.c.task, firsts.c.since, (place + func.coalesce(busy.c.count, 0)).label("turn"))
        .select_from(firsts.outerjoin(busy, busy.c.repository == firsts.c.repository))
        .subquery()
    )
    chosen = (
        select(turns.c.task)
        .where(turns.c.turn <= bindparam("limit"))
        .order_by(turns.c.turn, turns.c.since, turns.c.task)
        .limit(bindparam("room"))
    )
    now = system._now_ms_sql()
    claim = (
        tasks.update()
        .where(tasks.c.workflow_uuid.in_(bindparam("tasks", expanding=True)), waiting)
        .values(
            status="PENDING",
            owner_xid=bindparam("owner"),
            executor_id=bindparam("executor"),
            application_version=APPLICATION_VERSION,
            application_name=APPLICATION,
            started_at_epoch_ms=now,
            updated_at=now,
            rate_limited=False,
            recovery_attempts=tasks.c.recovery_attempts + 1,
        )
        .returning(tasks.c.workflow_uuid)
    )
    left = tasks.update().where(in_flight(tasks, "PENDING")).values(status="ENQUEUED", started_at_epoch_ms=None)
    give_back = _GiveBack(
        of_owner=left.where(tasks.c.owner_xid == bindparam("owner")),
        of_tasks=left.where(
            tasks.c.workflow_uuid.in_(bindparam("tasks", expanding=True)), tasks.c.executor_id == bindparam("executor")
        ),
    )
    return select(sql("1")).where(waiting).limit(1), chosen, claim, give_back


def _repository(key: ColumnElement[str], sqlite: bool) -> ColumnElement[str]:
    """What is before the first colon of a job's key."""
    if sqlite:
        return func.substr(key, 1, func.instr(key, ":") - 1, type_=String)
    return func.split_part(key, ":", 1, type_=String)
