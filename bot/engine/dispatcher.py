"""Turns stored events into tasks: right behind the commit, again when a task was lost, and when a timer is due.

Nothing here is needed for correctness of a single event except the sweeper: a wake-up that was lost (crash, cancelled
or failed task) is found as an open inbox row and tried again, later and later; a row that keeps failing is set aside.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

import structlog

from bot.engine.tasks import WakeUp, wake_ups_for
from bot.jobs.claim import may_be_lost
from bot.jobs.events import OWN_EVENT, WORK, InboxRow
from bot.jobs.job import LIVING, JobStatus
from bot.store.inbox import DUE_AT_ONCE, POSTPONED, Inbox, NewEvent, OpenKey, StoredEvent
from bot.store.jobs import Jobs
from bot.store.keys import is_job, is_pull, is_shared, setup_key
from bot.subjects import Newcomer, concerned, newcomers
from bot.waiting import is_set_within

LARGEST_DISPATCH = 500
CLOCK_SET_BACK = 30.0
"""Seconds by which a clock may go back unnoticed."""
BUSY = 100
"""Events in one dispatch that mean that intake is under load."""

_log = structlog.get_logger(__name__)


class Tasks(Protocol):
    """The part of the engine that the dispatcher needs."""

    async def wake(self, wake_ups: Sequence[WakeUp]) -> None: ...

    async def busy_keys(self) -> set[str]: ...

    async def forget_finished(self, before: datetime) -> int: ...


OnStored = Callable[[Sequence[StoredEvent]], Awaitable[None]]
"""Best effort reactions to fresh events, e.g. the 👀 on a comment; its errors are logged and forgotten."""


class Observer(Protocol):
    """Who counts what happens here."""

    def swept(self, count: int) -> None: ...

    def set_aside(self, count: int) -> None: ...

    def timers(self, count: int) -> None: ...


class _Nobody:
    def swept(self, count: int) -> None: ...

    def set_aside(self, count: int) -> None: ...

    def timers(self, count: int) -> None: ...


@dataclass(frozen=True)
class Schedule:
    """How often, in seconds."""

    sweep: float = 5.0
    timers: float = 15.0
    retention: float = 3600.0
    coalesce: float = 0.01
    """How long fresh events gather before they become wake-ups."""


@dataclass
class Dispatcher:
    """Start with `start`, feed with `stored`, end with `stop`. One per process."""

    inbox: Inbox
    jobs: Jobs
    tasks: Tasks
    max_attempts: int
    retention: timedelta
    retain: Callable[[datetime], Awaitable[int]]
    on_stored: OnStored | None = None
    observer: Observer = field(default_factory=_Nobody)
    schedule: Schedule = Schedule()
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _fresh: list[StoredEvent] = field(default_factory=list)
    _signal: asyncio.Event = field(default_factory=asyncio.Event)
    _due: asyncio.Event = field(default_factory=asyncio.Event)
    _loops: list[asyncio.Task[None]] = field(default_factory=list)
    _reactions: set[asyncio.Task[None]] = field(default_factory=set)

    def stored(self, events: Sequence[StoredEvent]) -> None:
        """These events are durable now; wake their jobs soon. Never blocks."""
        self._fresh.extend(events)
        self._signal.set()

    async def start(self) -> None:
        """Wake every job with open rows (a process may have died before it did), then keep going."""
        await self.wake_all_open()
        self._loops = [
            asyncio.create_task(self._dispatch_forever(), name="dispatch"),
            asyncio.create_task(self._sweep_forever(), name="sweep"),
            asyncio.create_task(self._every(self.schedule.timers, self.fire_timers), name="timers"),
            asyncio.create_task(self._every(self.schedule.retention, self.clean_up), name="retention"),
        ]

    async def stop(self) -> None:
        """What is not dispatched yet stays in the inbox; the next process finds it there."""
        ending = [*self._loops, *self._reactions]
        for loop in ending:
            loop.cancel()
        if ending:
            await asyncio.wait(ending)
        self._loops.clear()

    async def wake_all_open(self) -> None:
        """Wake every job with open events and no task: a process that died could not. Failed ones keep their turn."""
        await self.inbox.rekey_pulls(self.clock())
        busy = await self.tasks.busy_keys()
        idle = [found for found in await self.inbox.untroubled() if found.key not in busy]
        for shared in [found.key for found in idle if is_shared(found.key)]:
            await self._fan_out(shared)
        # The id their first wake-up had may be used up, by a task that was postponed or ended before they came.
        occasion = uuid4().hex
        await self.tasks.wake(
            [WakeUp(found.key, f"open:{found.key}:{occasion}") for found in idle if is_job(found.key)]
        )

    async def dispatch(self) -> None:
        """Wake the jobs of the events stored since the last time."""
        fresh, self._fresh = self._fresh, []
        for start in range(0, len(fresh), LARGEST_DISPATCH):
            await self._dispatch(fresh[start : start + LARGEST_DISPATCH])

    async def _dispatch(self, fresh: Sequence[StoredEvent]) -> None:
        kept = [stored for stored in fresh if not stored.closed]
        for stored in kept:
            event = stored.event
            _log.info("event", delivery=event.delivery, job=event.key, github_event=event.event, action=event.action)
        self._react(kept)
        keys = [(stored.key, stored.id) for stored in kept if not is_pull(stored.key)]
        pulls = [stored.id for stored in kept if is_pull(stored.key)]
        if pulls:
            # Of a job we know: wake that. Of one we do not know its pull request is being made right now, or it is none
            # of ours: the sweeper asks again.
            keys += [(key, max(pulls)) for key in await self.inbox.rekey_pulls(self.clock())]
            keys += [(stored.key, stored.id) for stored in kept if await self._is_unclaimed_command(stored)]
        await self._wake(keys)

    async def _wake(self, keys: Iterable[tuple[str, int]]) -> None:
        pairs = list(keys)
        for shared in {key for key, _ in pairs if is_shared(key)}:
            await self._fan_out(shared)
        await self.tasks.wake(wake_ups_for((key, id_) for key, id_ in pairs if not is_shared(key)))

    async def sweep(self) -> None:
        """Try again what is still open and has no task; set aside what was tried too often."""
        now = self.clock()
        due = await self.inbox.due(now)
        if not due:
            return
        found_out = await self.inbox.rekey_pulls(self.clock())
        busy = await self.tasks.busy_keys()
        again = [WakeUp(key, f"open:{key}:{uuid4().hex}") for key in found_out - busy]
        due = await self.inbox.due(now)
        if len(due) == DUE_AT_ONCE:  # those that wait for their task to begin must not hide the others from view
            await self.inbox.look_later([found.key for found in due if found.key in busy], now + POSTPONED)
        for found in due:
            if found.key in busy:
                continue
            if is_shared(found.key):
                await self._fan_out(found.key)
                continue
            if is_pull(found.key) and not await self._has_command(found):
                await self.inbox.close_unclaimed(found.key, now)
                continue
            if found.attempts >= self.max_attempts:
                await self._set_aside(found, now)
                continue
            await self.inbox.count_try(found.key, found.last_id, now, found.attempts)
            # Tries are counted anew after a requeue, and not at all while something outside is away: the minute tells
            # them apart, and processes that look at the same time still wake one task.
            again.append(WakeUp(found.key, f"sweep:{found.key}:{found.last_id}:{found.attempts + 1}:{now:%d%H%M}"))
        if again:
            _log.info("sweeping open events", jobs=len(again))
            self.observer.swept(len(again))
            await self.tasks.wake(again)

    def look_at(self, when: datetime) -> None:
        """Something is due then: sweep at that moment instead of at the next round."""
        seconds = (when - self.clock()).total_seconds()
        if seconds < self.schedule.sweep:
            asyncio.get_running_loop().call_later(max(0.0, seconds) + 0.01, self._due.set)

    async def _sweep_forever(self) -> None:
        drift = self._drift()
        while True:
            await is_set_within(self.schedule.sweep, self._due)
            self._due.clear()
            try:
                before, drift = drift, self._drift()
                if drift < before - CLOCK_SET_BACK:
                    _log.warning("the clock was set back: what waits is due anew", seconds=before - drift)
                    await self.inbox.hasten(self.clock())
                await self.sweep()
                if (due := await self.inbox.next_due()) is not None and due > self.clock():
                    self.look_at(due)
            except Exception:
                _log.exception("housekeeping failed; it is tried again")

    async def _is_unclaimed_command(self, stored: StoredEvent) -> bool:
        event = stored.event
        if not is_pull(stored.key) or not may_be_lost(event.event, event.action, event.body):
            return False
        return bool(await self.inbox.open_rows(stored.key, limit=1))

    async def _has_command(self, found: OpenKey) -> bool:
        """Should GitHub be asked (again) whose pull request it is?"""
        rows = await self.inbox.open_rows(found.key) if found.attempts < self.max_attempts else []
        return any(may_be_lost(row.event, row.action, row.body) for row in rows)

    def _drift(self) -> float:
        """Seconds that the clock is ahead of the time that really passes; it changes when the clock is set."""
        return self.clock().timestamp() - time.monotonic()

    async def _set_aside(self, found: OpenKey, now: datetime) -> None:
        reason = f"tried {found.attempts} times without success"
        aside = await self.inbox.set_aside(found.key, found.last_id, reason, now)
        _log.error("events set aside", job=found.key, inbox=[row.id for row in aside], reason=reason)
        self.observer.set_aside(len(aside))
        if any((row.event, row.action) == (OWN_EVENT, WORK) for row in aside):
            self.stored(await self.inbox.add([_gave_up(found, now)]))
        self.look_at(now)

    async def fire_timers(self) -> None:
        """Reminders and expiries that are due become events of their jobs, once each."""
        due = await self.jobs.due_timers(self.clock())
        events = [
            NewEvent(
                delivery=f"timer:{timer.timer}:{timer.key}:{timer.due_at.isoformat()}",
                key=timer.key,
                event=OWN_EVENT,
                action="timer",
                body=f'{{"timer":"{timer.timer}"}}'.encode(),
                repo_id=timer.repo_id,
                installation_id=timer.installation_id,
                received_at=self.clock(),
            )
            for timer in due
        ]
        stored = await self.inbox.add(events)
        if stored:
            self.observer.timers(len(stored))
            self.stored(stored)

    async def clean_up(self) -> None:
        """Forget what is older than the retention time."""
        before = self.clock() - self.retention
        forgotten = 1
        while forgotten:
            forgotten = await self.tasks.forget_finished(before) + await self.retain(before)

    async def _fan_out(self, shared: str) -> None:
        """An event about an installation or a repository concerns each of its jobs: one row for each of them."""
        for row in await self.inbox.open_rows(shared):
            try:
                installation, repositories = concerned(row.event, row.body)
                new_repositories = newcomers(row.event, row.action, row.body)
            except ValueError as error:
                await self._set_damaged_aside(row, shared, error)
                continue
            statuses = frozenset({JobStatus.IN_REVIEW}) if row.event == "push" else LIVING
            keys = await self.jobs.open_keys_of(installation_id=installation, repo_ids=repositories, statuses=statuses)
            stored = await self.inbox.add(
                [
                    NewEvent(
                        delivery=f"{row.delivery}#{key}",
                        key=key,
                        event=row.event,
                        action=row.action,
                        body=row.body,
                        installation_id=installation,
                        received_at=row.received_at,
                    )
                    for key in keys
                ]
            )
            stored += await self.inbox.add([_welcome(row, new) for new in new_repositories])
            await self.inbox.mark_done([row.id], f"fanned out to {len(stored)}", self.clock())
            await self.tasks.wake(wake_ups_for((new.key, new.id) for new in stored))

    async def _set_damaged_aside(self, row: InboxRow, shared: str, error: ValueError) -> None:
        """Trying again would read the same; the rest of the sweep must not wait for it."""
        reason, now = f"the stored payload is damaged: {type(error).__qualname__}", self.clock()
        await self.inbox.note_failure(shared, reason, now, row=row.id)
        aside = await self.inbox.set_aside(shared, row.id, reason, now)
        _log.error("events set aside", job=shared, inbox=[each.id for each in aside], reason=reason)
        self.observer.set_aside(len(aside))

    def _react(self, fresh: Sequence[StoredEvent]) -> None:
        if self.on_stored is None:
            return
        task = asyncio.create_task(self._react_quietly(self.on_stored, fresh))
        self._reactions.add(task)
        task.add_done_callback(self._reactions.discard)

    @staticmethod
    async def _react_quietly(on_stored: OnStored, fresh: Sequence[StoredEvent]) -> None:
        try:
            await on_stored(fresh)
        except Exception as error:
            _log.warning("instant reaction failed", error=type(error).__qualname__)

    async def _dispatch_forever(self) -> None:
        pause = self.schedule.coalesce
        while True:
            await self._signal.wait()
            await asyncio.sleep(pause)
            self._signal.clear()
            started, count = time.perf_counter(), len(self._fresh)
            try:
                await self.dispatch()
            except Exception:
                _log.exception("dispatch failed; the sweeper will find the events")
            # Under load larger groups cost less: answering deliveries comes before waking their jobs.
            spent = time.perf_counter() - started
            pause = max(self.schedule.coalesce, min(1.0, 4 * spent), 0.25 if count > BUSY else 0)

    @staticmethod
    async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception:
                _log.exception("housekeeping failed; it is tried again")


def _welcome(row: InboxRow, new: Newcomer) -> NewEvent:
    """The App was installed on this repository."""
    return NewEvent(
        delivery=f"{row.delivery}#{new.id}",
        key=setup_key(new.id),
        event=OWN_EVENT,
        action="welcome",
        body=new.body,
        repo_id=new.id,
        installation_id=new.installation_id,
        received_at=row.received_at,
    )


def _gave_up(found: OpenKey, now: datetime) -> NewEvent:
    """What the job hears when its events were set aside, so that people are told if it was running."""
    return NewEvent(
        delivery=f"gave_up:{found.key}:{found.last_id}",
        key=found.key,
        event=OWN_EVENT,
        action="gave_up",
        body=f'{{"reason": "tried {found.attempts} times without success"}}'.encode(),
        received_at=now,
    )
