"""Live progress for people: events go to the timeline at once and to the status comment at most every five seconds.

Best effort and never in the way: an edit that fails is logged and forgotten. `quiet` ends a job's live edits before the
phase's own result is written, so a late edit cannot overwrite it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog
from structlog.contextvars import bind_contextvars as _bind
from structlog.contextvars import unbind_contextvars as _unbind

from bot.comments import status
from bot.jobs.effects import Effect, EffectResult, ShowStatus
from bot.jobs.job import Job, Repository
from bot.metrics import Metrics
from bot.repo_config import RepoConfig
from pipeline.checkpoints import EventType, WorkflowEvent
from pipeline.models import Phase

_log = structlog.get_logger(__name__)

SECONDS_BETWEEN_EDITS = 5.0


class Performer(Protocol):
    async def perform(self, effect: Effect, job_key: str, repository: Repository) -> EffectResult: ...


class EventLog(Protocol):
    async def add(self, events: list[tuple[str, WorkflowEvent]]) -> None: ...


@dataclass
class _Watched:
    job: Job
    activity: str = ""
    shown: str = ""
    task: asyncio.Task[None] | None = None
    showing: asyncio.Task[None] | None = None
    events: list[tuple[str, WorkflowEvent]] = field(default_factory=list)


class Progress:
    """One per process."""

    def __init__(
        self,
        github: Performer,
        timeline: EventLog,
        metrics: Metrics,
        clock: Callable[[], datetime],
        every: float = SECONDS_BETWEEN_EDITS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._github, self._timeline, self._metrics, self._clock, self._every = github, timeline, metrics, clock, every
        self._sleep = sleep
        self._watched: dict[str, _Watched] = {}

    def emit(self, job: Job, event: WorkflowEvent) -> None:
        """Take note of an event; never blocks and never fails."""
        watched = self._watched.setdefault(job.key, _Watched(job))
        watched.job = _in_phase(job, event.phase)
        watched.events.append((job.key, event))
        _name(event)
        if event.seconds is not None and event.type is EventType.MODULE_END:
            self._metrics.module_seconds.labels(event.phase, event.module).observe(event.seconds)
        if event.seconds is not None and event.type is EventType.PHASE_END:
            self._metrics.phase_seconds.labels(event.phase).observe(event.seconds)
        watched.activity = status.describe(event) or watched.activity
        if watched.task is None:
            watched.task = asyncio.create_task(self._show(watched), name=f"progress {job.key}")

    async def quiet(self, job_key: str) -> None:
        """No more live edits for this phase; what was noted is stored."""
        _unbind("phase", "module")  # a phase that was interrupted did not end
        watched = self._watched.pop(job_key, None)
        if watched is None:
            return
        if watched.task is not None:
            watched.task.cancel()
            await asyncio.wait([watched.task])
            if not watched.task.cancelled():
                watched.task.result()
        if watched.showing is not None:
            await watched.showing  # what is under way is not torn, and comes before the phase's own result
        await self._store(watched)

    async def _show(self, watched: _Watched) -> None:
        while True:
            await self._sleep(self._every)
            watched.showing = asyncio.create_task(self._show_once(watched))
            await asyncio.shield(watched.showing)

    async def _show_once(self, watched: _Watched) -> None:
        await self._store(watched)
        if watched.activity != watched.shown:
            watched.shown = watched.activity
            await self._edit(watched.job, watched.activity)

    async def _edit(self, job: Job, activity: str) -> None:
        body = status.render(job, activity=activity, config=RepoConfig(), now=self._clock())
        try:
            await self._github.perform(ShowStatus(number=job.issue_number, body=body), job.key, job.repository)
        except Exception as error:
            _log.info("live status skipped", job=job.key, reason=str(error)[:200])

    async def _store(self, watched: _Watched) -> None:
        events, watched.events = watched.events, []
        try:
            await self._timeline.add(events)
        except Exception as error:
            _log.info("timeline skipped", job=watched.job.key, reason=str(error)[:200])


def _name(event: WorkflowEvent) -> None:
    """Every line that is logged from a phase's or module's start to its end names it; one says how it went."""
    match event.type:
        case EventType.PHASE_START:
            _bind(phase=str(event.phase))
        case EventType.MODULE_START:
            _bind(phase=str(event.phase), module=event.module)
        case EventType.MODULE_END:
            _log.info("module ended", phase=str(event.phase), module=event.module, seconds=event.seconds)
            _unbind("module")
        case EventType.PHASE_END:
            _log.info("phase ended", phase=str(event.phase), seconds=event.seconds)
            _unbind("phase", "module")


def _in_phase(job: Job, phase: Phase) -> Job:
    """The job as people should see it: one run takes it through several phases before it is saved again."""
    return job.model_copy(update={"journey": job.journey.model_copy(update={"phase": phase})})
