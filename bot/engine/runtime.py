"""DBOS, configured and driven: one queue, one workflow, one task per wake-up of a job.

Tasks of one job run one after the other (the partition), tasks of different jobs side by side. A task that fails
leaves its inbox rows open with the reason; the sweeper tries again. SQLite has one process (a file lock); on PostgreSQL
every process has its own executor id, since two that share one strand each other's tasks.
"""

import asyncio
import contextvars
import socket
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
from dbos._schemas import SCHEMA_PLACEHOLDER
from dbos._serialization import DBOSPortableJSONSerializer
from sqlalchemy import select

from bot.engine.steps import DurableSteps, Records, StepFailedError, is_transient
from bot.jobs.ports import EventError, NotBeforeError, PassingError, Steps
from bot.store.database import Database
from bot.store.turns import TurnTaking

QUEUE = "jobs"
WORKFLOW = "advance"
APPLICATION = "skill-fleet"
APPLICATION_VERSION = "1"
"""Pinned: a version that changes with the code would orphan running tasks at every deploy."""
MAX_RECOVERIES = 20
WAKE_UPS_PER_TRANSACTION = 5
STEP_BACK = timedelta(seconds=2)
"""After which a job is looked at again that another process was at."""

Advance = Callable[[str, str, Steps], Awaitable[None]]
"""(job key, task id, steps): bring the job as far as it goes."""


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """Why a task failed. `is_passing`: nothing is wrong with its events, they only have to wait."""

    reason: str
    is_passing: bool = False
    row: int | None = None
    """The event whose handling failed; None when it was none in particular."""

    @classmethod
    def of(cls, error: Exception) -> "TaskFailure":
        reason = f"{type(error).__qualname__}: {error}"
        match error:
            case EventError():
                return replace(cls.of(error.cause), row=error.row)
            case StepFailedError():
                return cls(reason, error.passing)
            case PassingError():
                return cls(reason, True)
        return cls(reason, is_transient(error))


OnFailure = Callable[[str, TaskFailure], Awaitable[None]]
"""(job key, why): a task failed."""
OnPostponed = Callable[[str, datetime | None], Awaitable[None]]
"""(job key, when): it could not have its turn. Without a time its repository has enough tasks running, and it is woken
again when one of them ends; with one it is a limit of GitHub's that ends then, or another process is at the job."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WakeUp:
    """A task to be: for this job, under this id. The same id is the same task, however often it is enqueued."""

    key: str
    task: str


@dataclass(frozen=True)
class EngineOptions:
    workers: int = 16
    per_repository: int = 16
    """Tasks of one repository that run at a time in this process, so that a flood leaves room for others."""
    polling_seconds: float = 0.2
    drain_seconds: int = 25
    recorded_errors: tuple[type[Exception], ...] = ()


class Engine:
    """Starts, feeds and stops DBOS. At most one per process."""

    def __init__(
        self,
        database: Database,
        advance: Advance,
        on_failure: OnFailure,
        on_postponed: OnPostponed,
        records: Records,
        options: EngineOptions = EngineOptions(),
    ) -> None:
        self._database = database
        self._advance = advance
        self._on_failure = on_failure
        self._on_postponed = on_postponed
        self._active: Counter[str] = Counter()
        self._postponed: dict[str, dict[str, None]] = {}
        self._resumed: set[asyncio.Task[None]] = set()
        self._options = options
        self._steps = DurableSteps(records, options.recorded_errors)
        self._client: DBOSClient | None = None
        self.executor_id = "local" if database.is_sqlite else f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self.running: dict[str, float] = {}
        self.accepting = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        """Launch inside the running loop, so that tasks run on it. The schema is migrated already."""
        global _current
        serializer = DBOSPortableJSONSerializer()
        sqlite = self._database.is_sqlite
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": self._database.sync_url,
            "application_version": APPLICATION_VERSION,
            "executor_id": self.executor_id,
            "serializer": serializer,
            "max_executor_threads": 32,
            "sys_db_pool_size": 4 if sqlite else 20,
            "db_engine_kwargs": {"connect_args": {"factory": TurnTaking}} if sqlite else {},
            "log_level": "ERROR",
            "run_migrations": True,
            "scheduler_polling_interval_sec": 3600.0,
        }
        _current = self
        DBOS(config=config)
        # The queue has to exist before launch: afterwards it would be noticed only at the next look, a second later.
        await asyncio.to_thread(DBOS.migrate, self._database.sync_url)
        self._client = await asyncio.to_thread(
            lambda: DBOSClient(
                system_database_url=self._database.sync_url, application_name=APPLICATION, serializer=serializer
            )
        )
        await self._client.register_queue_async(
            QUEUE,
            partition_concurrency=1,
            worker_concurrency=self._options.workers,
            polling_interval_sec=self._options.polling_seconds,
            on_conflict="always_update",
        )
        self.accepting = True
        DBOS.launch()

    async def stop(self) -> None:
        """Stop claiming, let running tasks finish within the drain time, then let go of the database."""
        global _current
        self.accepting = False
        if self._client is None:
            return
        # Tasks that DBOS still claims now wait in run_task for their end: only those that began before are waited for.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.drain_seconds):
                await self._idle.wait()
        await asyncio.to_thread(DBOS.destroy)
        # DBOS made its executor the loop's default one and has just shut it down.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="loop-"))
        self._client.destroy()
        self._client = None
        _current = None

    async def wake(self, wake_ups: Sequence[WakeUp]) -> None:
        """Enqueue tasks, for jobs that have none waiting: a task that has not begun will see all there is by now.

        Known ids are no-ops. Transactions are kept short: intake waits for the same lock.
        """
        for start in range(0, len(wake_ups), WAKE_UPS_PER_TRANSACTION):
            some = wake_ups[start : start + WAKE_UPS_PER_TRANSACTION]
            waiting = await self._waiting([wake_up.key for wake_up in some])
            if new := [wake_up for wake_up in some if wake_up.key not in waiting]:
                await self._enqueue(new)

    async def _waiting(self, keys: Collection[str]) -> set[str]:
        """Those of these jobs that have a task which nobody has begun."""
        return {key for key, _ in await self._tasks("ENQUEUED", keys)}

    async def _is_taken(self, key: str, task: str) -> bool:
        """Is another task of this job under way?

        The engine's claims exclude each other only as long as every process takes the same task for the next one. Two
        that are enqueued in the same moment on two processes may both be claimed. Each of these looks after its own
        claim, so at least the later one sees the other.
        """
        return any(other != task for _, other in await self._tasks("PENDING", [key]))

    async def _tasks(self, status: str, keys: Collection[str]) -> list[tuple[str, str]]:
        """(job, task) of the tasks of these jobs in this state."""
        assert self._client is not None, "the engine is not running"
        system = self._client._sys_db
        tasks = system.tables.workflow_status.c
        query = select(tasks.queue_partition_key, tasks.workflow_uuid).where(
            tasks.queue_name == QUEUE, tasks.status == status, tasks.queue_partition_key.in_(keys)
        )
        async with self._database.engine.connect() as connection:
            await connection.execution_options(schema_translate_map={SCHEMA_PLACEHOLDER: system.schema})
            return [(str(key), str(task)) for key, task in await connection.execute(query)]

    async def _enqueue(self, wake_ups: Sequence[WakeUp]) -> None:
        client = self._client
        assert client is not None, "the engine is not running"

        def enqueue() -> None:
            with self._database.direct.begin() as connection:
                for wake_up in wake_ups:
                    options: EnqueueOptions = {
                        "workflow_name": WORKFLOW,
                        "queue_name": QUEUE,
                        "workflow_id": wake_up.task,
                        "queue_partition_key": wake_up.key,
                    }
                    client.enqueue_in_transaction(connection, options, wake_up.key)

        await asyncio.get_running_loop().run_in_executor(self._database.writer, enqueue)

    async def busy_keys(self) -> set[str]:
        """Jobs that have a task waiting or running on any process, or are postponed in this one."""
        assert self._client is not None, "the engine is not running"
        tasks = await self._client.list_workflows_async(
            status=["ENQUEUED", "PENDING", "DELAYED"], queue_name=QUEUE, load_input=False, load_output=False
        )
        busy = {task.queue_partition_key for task in tasks if task.queue_partition_key is not None}
        return busy.union(*self._postponed.values())

    async def forget_finished(self, before: datetime, limit: int = 1_000) -> int:
        """Delete the records of tasks that finished before; how many."""
        assert self._client is not None, "the engine is not running"
        tasks = await self._client.list_workflows_async(
            status=["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
            queue_name=QUEUE,
            completed_before=before.astimezone(UTC).isoformat(),
            limit=limit,
            load_input=False,
            load_output=False,
        )
        if tasks:
            await self._client.delete_workflows_async([task.workflow_id for task in tasks])
        return len(tasks)

    async def executors(self) -> set[str]:
        """Those that tasks are running on, as far as anybody knows."""
        assert self._client is not None, "the engine is not running"
        tasks = await self._client.list_workflows_async(
            status="PENDING", queue_name=QUEUE, load_input=False, load_output=False
        )
        return {task.executor_id for task in tasks if task.executor_id}

    async def recover(self, dead: Collection[str]) -> int:
        """Put the running tasks of executors that died back on the queue; how many."""
        handles = await asyncio.to_thread(DBOS._recover_pending_workflows, list(dead))
        return len(handles)

    async def run_task(self, key: str, task: str) -> None:
        """What a task does; called by the workflow."""
        if not self.accepting:
            await (
                asyncio.Event().wait()
            )  # claimed while stopping: it stays unfinished and is recovered at the next start
        if not self._database.is_sqlite and await self._is_taken(key, task):
            _log.info("another process is at this job", job=key, task=task)
            await self._on_postponed(key, datetime.now(UTC) + STEP_BACK)
            return
        repository = key.partition(":")[0]
        if self._active[repository] >= self._options.per_repository:
            self._postponed.setdefault(repository, {})[key] = None
            await self._on_postponed(key, None)
            return
        self.running[task] = time.monotonic()
        self._active[repository] += 1
        self._idle.clear()
        with structlog.contextvars.bound_contextvars(job=key, task=task):
            try:
                await self._advance_durably(key, task)
            except NotBeforeError as error:
                _log.info("task rescheduled", until=error.when.isoformat(), reason=str(error)[:500])
                await self._on_postponed(key, error.when)
            except Exception as error:
                failure = TaskFailure.of(error)
                log = _log.info if failure.is_passing else _log.warning
                log("task failed", reason=failure.reason[:500], passing=failure.is_passing)
                await self._tell_of(key, failure)
                if not failure.is_passing:
                    raise
            finally:
                del self.running[task]
                self._active[repository] -= 1
                if not self.running:
                    self._idle.set()
                self._resume_one(repository)

    async def _advance_durably(self, key: str, task: str) -> None:
        """A process that ends in between leaves the task's records for whoever takes it up again."""
        steps = await self._steps.of(task)
        try:
            await self._advance(key, task, steps)
        except Exception:
            await steps.ended()
            raise
        await steps.ended()

    async def _tell_of(self, key: str, failure: TaskFailure) -> None:
        try:
            await self._on_failure(key, failure)
        except Exception as error:  # the same database, most likely; the rows keep their turn
            _log.warning("a failure could not be noted", error=type(error).__qualname__)

    def _resume_one(self, repository: str) -> None:
        """Wake the job of this repository that was postponed first."""
        waiting = self._postponed.get(repository)
        if not waiting or not self.accepting:
            return
        key = next(iter(waiting))
        del waiting[key]
        if not waiting:
            del self._postponed[repository]
        wake_up = WakeUp(key, f"later:{key}:{uuid.uuid4().hex}")
        # In a context of its own: within the task's, the engine would take this for one of the task's steps.
        resumed = asyncio.get_running_loop().create_task(self._wake_quietly(wake_up), context=contextvars.Context())
        self._resumed.add(resumed)
        resumed.add_done_callback(self._resumed.discard)

    async def _wake_quietly(self, wake_up: WakeUp) -> None:
        try:
            await self.wake([wake_up])
        except Exception:
            _log.exception("a postponed job could not be woken; the sweeper will", job=wake_up.key)


_current: Engine | None = None


@DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MAX_RECOVERIES)
async def _advance_workflow(key: str) -> None:
    task = DBOS.workflow_id
    if _current is None or task is None:
        raise RuntimeError("a task was started outside the engine")
    await _current.run_task(key, task)


def wake_ups_for(stored: Iterable[tuple[str, int]]) -> list[WakeUp]:
    """One wake-up per job for these (key, inbox id), under an id that sorts in the order of arrival."""
    newest: dict[str, int] = {}
    for key, id_ in stored:
        newest[key] = max(id_, newest.get(key, 0))
    return [WakeUp(key, f"ev:{id_:019d}") for key, id_ in newest.items()]
