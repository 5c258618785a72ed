"""DBOS, configured and driven: one queue, one workflow, one task per wake-up of a job.

Tasks of one job run one after the other, tasks of different jobs side by side (`bot.engine.claims`). A task that fails
leaves its inbox rows open with the reason; the sweeper tries again. SQLite has one process (a file lock); on PostgreSQL
every process has its own executor id, since two that share one strand each other's tasks.
"""

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
from dbos._schemas import SCHEMA_PLACEHOLDER
from dbos._serialization import DBOSPortableJSONSerializer
from sqlalchemy import Connection, select

from bot.engine.claims import APPLICATION, APPLICATION_VERSION, QUEUE, Claims, Limits, in_flight
from bot.engine.interleave import Rounds, interleaved
from bot.engine.steps import DurableSteps, Records
from bot.engine.tasks import Advance, TaskFailure, WakeUp
from bot.jobs.ports import NotBeforeError
from bot.store.database import Database
from bot.store.turns import TurnTaking, others_first
from bot.waiting import is_set_within

WORKFLOW = "advance"
MAX_RECOVERIES = 20
WAKE_UPS_PER_TRANSACTION = 5
CLAIMED_AT_ONCE = 4
"""Tasks that begin together; the next ones follow CLAIM_PAUSE seconds later, so that others get a word in."""
CLAIM_PAUSE = 0.02
PAUSE_AFTER_FAILURE = 1.0

OnFailure = Callable[[str, TaskFailure], Awaitable[None]]
"""(job key, why): a task failed."""
OnPostponed = Callable[[str, datetime], Awaitable[None]]
"""(job key, when): a limit of GitHub's stands in its way and ends then."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class EngineOptions:
    limits: Limits = field(default_factory=Limits)
    polling_seconds: float = 0.2
    """After which a process looks for tasks that it was not told of: another one has enqueued or left them."""
    drain_seconds: int = 25
    recorded_errors: tuple[type[Exception], ...] = ()


def _log_with_everybody() -> None:
    """DBOS makes a handler of its own unless there is one: in another form, without redaction, and bound for good to
    what standard error is when the first engine of the process starts."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


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
        self._options = options
        self._steps = DurableSteps(records, options.recorded_errors)
        self._client: DBOSClient | None = None
        self.executor_id = "local" if database.is_sqlite else f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self.running: dict[str, float] = {}
        self.accepting = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._stirred = asyncio.Event()
        self.rounds = Rounds()
        """Steps of jobs; who wants to go first says so there."""
        self._claimer = ThreadPoolExecutor(1, thread_name_prefix="claim")
        self._claims: Claims | None = None
        self._claiming: asyncio.Task[None] | None = None

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
        _log_with_everybody()
        DBOS(config=config)
        DBOS.listen_queues([])  # tasks are claimed by us
        await asyncio.to_thread(DBOS.migrate, self._database.sync_url)
        self._client = await asyncio.to_thread(
            lambda: DBOSClient(
                system_database_url=self._database.sync_url, application_name=APPLICATION, serializer=serializer
            )
        )
        self.accepting = True
        DBOS.launch()
        self._claims = Claims(self._database, self.executor_id, self._options.limits)
        self._claiming = asyncio.create_task(self._claim_forever(self._claims), name="claim")

    async def stop(self) -> None:
        """Stop claiming, let running tasks finish within the drain time, then let go of the database."""
        global _current
        self.accepting = False
        if self._client is None:
            return
        if self._claiming is not None:
            self._claiming.cancel()
        # Tasks that are claimed just now wait in run_task for their end: only those that began before are waited for.
        await is_set_within(self._options.drain_seconds, self._idle)
        await asyncio.to_thread(self._claimer.shutdown)
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
        left = list(wake_ups)
        while left:
            some = left[:WAKE_UPS_PER_TRANSACTION]
            done = await asyncio.get_running_loop().run_in_executor(self._database.writer, self._enqueue, some)
            left = left[done:]
            self._stirred.set()

    def _enqueue(self, wake_ups: Sequence[WakeUp]) -> int:
        """How many of these were looked at: all, or the first ones when a delivery waits to be stored."""
        client = self._client
        assert client is not None, "the engine is not running"
        with self._database.direct.begin() as connection:
            waiting = self._keys(connection, "ENQUEUED", among=[wake_up.key for wake_up in wake_ups])
            for done, wake_up in enumerate(wake_ups):
                if done and others_first(connection):
                    return done
                if wake_up.key in waiting:
                    continue
                options: EnqueueOptions = {
                    "workflow_name": WORKFLOW,
                    "queue_name": QUEUE,
                    "workflow_id": wake_up.task,
                    "queue_partition_key": wake_up.key,
                }
                client.enqueue_in_transaction(connection, options, wake_up.key)
        return len(wake_ups)

    async def busy_keys(self) -> set[str]:
        """Jobs that have a task waiting or running on any process."""

        def look() -> set[str]:
            with self._database.direct.connect() as connection:
                return self._keys(connection, "ENQUEUED", "PENDING")

        return await asyncio.get_running_loop().run_in_executor(self._database.readers, look)

    def _keys(self, connection: Connection, *states: str, among: Collection[str] | None = None) -> set[str]:
        """Jobs, or those among these, that have a task in one of these states."""
        assert self._client is not None, "the engine is not running"
        system = self._client._sys_db
        tasks = system.tables.workflow_status
        query = select(tasks.c.queue_partition_key).where(in_flight(tasks, *states))
        if among is not None:
            query = query.where(tasks.c.queue_partition_key.in_(among))
        connection = connection.execution_options(schema_translate_map={SCHEMA_PLACEHOLDER: system.schema})
        return set(connection.execute(query.distinct()).scalars())

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
        self._stirred.set()
        return len(handles)

    async def _claim_forever(self, claims: Claims) -> None:
        """As soon as a task was enqueued or ended here, and now and then because of the other processes."""
        failing = False
        while True:
            await is_set_within(self._options.polling_seconds, self._stirred)
            self._stirred.clear()
            try:
                begun = await asyncio.get_running_loop().run_in_executor(self._claimer, claims.begin, CLAIMED_AT_ONCE)
            except Exception as error:
                if not failing:
                    _log.warning("no task could be claimed", error=type(error).__qualname__, reason=str(error)[:300])
                failing = True
                await asyncio.sleep(PAUSE_AFTER_FAILURE)
                continue
            failing = False
            if begun == CLAIMED_AT_ONCE:
                self._stirred.set()
            await asyncio.sleep(CLAIM_PAUSE)

    async def run_task(self, key: str, task: str) -> None:
        """What a task does; called by the workflow."""
        if not self.accepting:
            await (
                asyncio.Event().wait()
            )  # claimed while stopping: it stays unfinished and is recovered at the next start
        if (running := asyncio.current_task()) is not None:  # it ends when the engine has noted that the task did
            running.add_done_callback(lambda ended: self._over(task, ended))
        self.running[task] = time.monotonic()
        self._idle.clear()
        with structlog.contextvars.bound_contextvars(job=key, task=task):
            try:
                await interleaved(self.rounds, self._advance_durably(key, task))
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
                if not self.running:
                    self._idle.set()

    def _over(self, task: str, ended: asyncio.Task[object]) -> None:
        if self._claims is not None and not ended.cancelled() and ended.exception() is not None:
            self._claims.broke_off(task)
        self._stirred.set()

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


_current: Engine | None = None


@DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MAX_RECOVERIES)
async def _advance_workflow(key: str) -> None:
    task = DBOS.workflow_id
    if _current is None or task is None:
        raise RuntimeError("a task was started outside the engine")
    await _current.run_task(key, task)
