"""The service: routes, start-up and shutdown order.

Start: lock, migrate, compose, engine, dispatcher, then listen. Stop: intake answers 503, the engine claims nothing new
and drains, then everything is closed in the opposite order of its making. What was not finished is in the database.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import structlog
from aiohttp import web

from bot import spans
from bot.api import add_api
from bot.engine.claims import Limits
from bot.engine.dispatcher import Dispatcher, OnStored, Schedule
from bot.engine.lock import FileLock
from bot.engine.reaper import Reaper
from bot.engine.runtime import Engine, EngineOptions
from bot.engine.tasks import Advance, TaskFailure
from bot.health import add_health
from bot.job_pages.site import add_job_pages
from bot.jobs.ports import Steps
from bot.metrics import Metrics
from bot.reachability import Probe, Reachability
from bot.settings import Settings
from bot.store.database import open_database
from bot.store.inbox import NewEvent
from bot.store.intake import Intake, intake_over
from bot.store.stores import Stores
from bot.webhooks import MAX_BODY, GroupCommit, Webhook, keyed

_log = structlog.get_logger(__name__)


async def _nothing() -> None:
    """Close nothing."""


def _nothing_lost() -> None:
    """What a loop that is stopped by the error alone does."""


@dataclass(frozen=True)
class Parts:
    """What advances jobs, made by the composition root."""

    advance: Advance
    on_stored: OnStored | None = None
    close: Callable[[], Awaitable[None]] = _nothing
    recorded_errors: tuple[type[Exception], ...] = ()
    probes: Mapping[str, Probe] = field(default_factory=dict)
    """Who may be away without making the service unready."""


Compose = Callable[[Settings, Stores, Metrics], Awaitable[Parts]]


@dataclass
class Service:
    """Everything that lives as long as the process serves."""

    settings: Settings
    compose: Compose
    stores: Stores
    schedule: Schedule = field(default_factory=Schedule)
    polling_seconds: float = 0.2
    metrics: Metrics = field(default_factory=Metrics)
    ready: bool = False
    stopping: bool = False
    lock: FileLock | None = None
    reaper: Reaper | None = None
    lost: Callable[[], None] = _nothing_lost
    """Called when other processes took over: this one has to end at once."""
    _watch: asyncio.Task[None] | None = None
    engine: Engine = field(init=False)
    dispatcher: Dispatcher = field(init=False)
    parts: Parts = field(init=False)
    reachability: Reachability = field(default_factory=lambda: Reachability({}))
    storing: Intake = field(init=False)
    intake: GroupCommit = field(init=False)

    async def start(self) -> None:
        """Raises LockedError, DatabaseError, or what composing raises; nothing is left behind then."""
        stores, settings = self.stores, self.settings
        if stores.database.is_sqlite:
            self.lock = FileLock(stores.database.path)
            self.lock.acquire()
        await stores.migrate()
        self.parts = await self.compose(settings, stores, self.metrics)
        self.reachability = Reachability(self.parts.probes)
        self.engine = Engine(
            stores.database,
            self._advance,
            self._task_failed,
            self._task_postponed,
            stores.steps,
            EngineOptions(
                limits=Limits(settings.workers, settings.jobs_per_repository),
                polling_seconds=self.polling_seconds,
                drain_seconds=settings.drain_seconds,
                recorded_errors=self.parts.recorded_errors,
            ),
        )
        self.dispatcher = Dispatcher(
            inbox=stores.inbox,
            jobs=stores.jobs,
            tasks=self.engine,
            max_attempts=settings.max_attempts,
            retention=timedelta(days=settings.retention_days),
            retain=stores.retain,
            on_stored=self.parts.on_stored,
            observer=self.metrics,
            schedule=self.schedule,
        )
        self.storing = intake_over(stores.database, stores.inbox)
        self.intake = GroupCommit(self.storing, self.dispatcher.stored)
        if not stores.database.is_sqlite:
            await stores.lease.take(self.engine.executor_id, settings.lease_seconds, self.lost)
        await self.engine.start()
        if not stores.database.is_sqlite:
            self.reaper = Reaper(
                stores.instances,
                stores.lease,
                self.engine,
                settings.lease_seconds,
                self.metrics.reaped.inc,
                self.dispatcher.wake_all_open,
            )
            await self.reaper.start()
        await self.dispatcher.start()
        self._watch = asyncio.create_task(self.metrics.watch_loop(), name="loop-lag")
        self.ready = True
        _log.info("ready to serve", executor=self.engine.executor_id)

    async def stop(self) -> None:
        """In the opposite order; what `start` did not reach is left alone."""
        self.stopping = True
        if self._watch is not None:
            self._watch.cancel()
        if hasattr(self, "dispatcher"):
            await self.dispatcher.stop()
        if hasattr(self, "engine"):
            await self.engine.stop()
        if self.reaper is not None:
            await self.reaper.stop()
        await self.reachability.close()
        if hasattr(self, "parts"):
            await self.parts.close()
        if hasattr(self, "storing"):
            await self.storing.close()
        await self.stores.database.close()
        if self.lock is not None:
            self.lock.release()
        _log.info("stopped")

    @property
    def state(self) -> Literal["starting", "ready", "stopping"]:
        if self.stopping:
            return "stopping"
        return "ready" if self.ready else "starting"

    async def put(self, event: NewEvent) -> bool:
        """Store an event, before jobs go on."""
        with self.engine.rounds.ahead():
            return await self.intake.put(event)

    async def _advance(self, key: str, task: str, steps: Steps) -> None:
        names = {spans.JOB: key, spans.TASK_ID: task}
        with (
            self.metrics.tasks_running.track_inprogress(),
            self.metrics.task_seconds.time(),
            spans.span(spans.Name.TASK, names),
        ):
            await self.parts.advance(key, task, steps)

    async def _task_failed(self, key: str, failure: TaskFailure) -> None:
        self.metrics.tasks_failed.labels(failure.kind).inc()
        again = await self.stores.inbox.note_failure(
            key,
            failure.reason,
            self.dispatcher.clock(),
            row=failure.row,
            patient_tries=self.settings.max_attempts - 1 if failure.is_passing else None,
        )
        self.dispatcher.look_at(again)

    async def _task_postponed(self, key: str, until: datetime) -> None:
        self.metrics.tasks_rescheduled.inc()
        await self.stores.inbox.postpone(key, until)
        self.dispatcher.look_at(until)


SERVICE = web.AppKey("SERVICE", Service)


def create_app(
    settings: Settings,
    compose: Compose,
    *,
    schedule: Schedule | None = None,
    polling_seconds: float = 0.2,
    lost: Callable[[], None] = _nothing_lost,
) -> web.Application:
    """The application, not started: opening its database happens when it is run."""
    metrics = Metrics()
    collected = spans.collect()
    service = Service(
        settings,
        compose,
        Stores.over(open_database(settings.database_url), on_paid=metrics.paid, on_effect=metrics.effect),
        schedule=schedule or Schedule(),
        polling_seconds=polling_seconds,
        metrics=metrics,
        lost=lost,
    )
    app = web.Application(client_max_size=MAX_BODY)
    app[SERVICE] = service
    app.cleanup_ctx.append(_lifetime)
    app.on_shutdown.append(_stop_intake)
    if collected is not None:
        app.on_cleanup.append(lambda _: collected.close())
    webhook = Webhook(
        keyed(settings.webhook_secrets), service.put, service.metrics.delivery, lambda: not service.stopping
    )
    app.router.add_post("/webhook", spans.of_deliveries(webhook.handle))
    add_health(
        app,
        service.stores,
        service.metrics,
        lambda: service.state,
        lambda: service.reachability.look(),
        lambda: service.intake.trouble(),
    )
    add_api(app, service.stores, settings.api_token.get_secret_value(), lambda: not service.stopping)
    add_job_pages(app, service.stores, settings, service.put, lambda: not service.stopping)
    return app


async def _lifetime(app: web.Application) -> AsyncIterator[None]:
    service = app[SERVICE]
    try:
        await service.start()
        yield
    finally:
        await service.stop()


async def _stop_intake(app: web.Application) -> None:
    app[SERVICE].stopping = True
