"""The numbers the service shows at /metrics. Names are constants here, are documented, and stay."""

import asyncio
from collections import deque
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipeline.runtime import ModuleCall, StoredResult

DELIVERIES = "skill_fleet_deliveries_total"
ACK_SECONDS = "skill_fleet_delivery_ack_seconds"
INBOX_OPEN = "skill_fleet_inbox_open"
INBOX_OLDEST_SECONDS = "skill_fleet_inbox_oldest_seconds"
INBOX_SET_ASIDE = "skill_fleet_inbox_set_aside"
JOBS = "skill_fleet_jobs"
OLDEST_WAITING_SECONDS = "skill_fleet_jobs_oldest_waiting_seconds"
TASKS_RUNNING = "skill_fleet_tasks_running"
TASK_SECONDS = "skill_fleet_task_seconds"
TASKS_FAILED = "skill_fleet_tasks_failed_total"
TASKS_RESCHEDULED = "skill_fleet_tasks_rescheduled_total"
SWEPT = "skill_fleet_sweeper_retries_total"
SET_ASIDE = "skill_fleet_events_set_aside_total"
TIMERS = "skill_fleet_timers_fired_total"
REAPED = "skill_fleet_reaper_tasks_total"
MODULE_SECONDS = "skill_fleet_module_seconds"
PHASE_SECONDS = "skill_fleet_phase_seconds"
TOKENS = "skill_fleet_model_tokens_total"
COST_USD = "skill_fleet_model_cost_usd_total"
EFFECTS = "skill_fleet_effects_total"
GITHUB_QUOTA = "skill_fleet_github_quota_remaining"
LOOP_LAG_SECONDS = "skill_fleet_event_loop_lag_seconds"

_ACK = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WORK = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)


class Metrics:
    """One registry per service, so that tests and several services in a process do not share numbers."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.deliveries = Counter(DELIVERIES, "Deliveries by event and answer", ["event", "status"], registry=registry)
        self.ack = Histogram(ACK_SECONDS, "Seconds from headers to answer", buckets=_ACK, registry=registry)
        self.inbox_open = Gauge(INBOX_OPEN, "Events nobody has dealt with yet", registry=registry)
        self.inbox_oldest = Gauge(INBOX_OLDEST_SECONDS, "Age of the oldest open event", registry=registry)
        self.inbox_set_aside = Gauge(INBOX_SET_ASIDE, "Events set aside after too many tries", registry=registry)
        self.jobs = Gauge(JOBS, "Jobs by status", ["status"], registry=registry)
        self.oldest_waiting = Gauge(OLDEST_WAITING_SECONDS, "Longest wait for a person", registry=registry)
        self.tasks_running = Gauge(TASKS_RUNNING, "Jobs being advanced by this process", registry=registry)
        self.task_seconds = Histogram(TASK_SECONDS, "Seconds per task", buckets=_WORK, registry=registry)
        self.tasks_failed = Counter(TASKS_FAILED, "Tasks that ended in an error", ["error"], registry=registry)
        self.tasks_rescheduled = Counter(
            TASKS_RESCHEDULED, "Tasks put off: a limit of GitHub, or another process at the job", registry=registry
        )
        self._swept = Counter(SWEPT, "Jobs woken again by the sweeper", registry=registry)
        self._set_aside = Counter(SET_ASIDE, "Events set aside after too many tries", registry=registry)
        self._timers = Counter(TIMERS, "Reminders and expiries that came due", registry=registry)
        self.reaped = Counter(REAPED, "Tasks taken over from processes that died", registry=registry)
        self.module_seconds = Histogram(
            MODULE_SECONDS, "Seconds per module", ["phase", "module"], buckets=_WORK, registry=registry
        )
        self.phase_seconds = Histogram(PHASE_SECONDS, "Seconds per phase", ["phase"], buckets=_WORK, registry=registry)
        self.tokens = Counter(
            TOKENS, "Tokens by phase, module and kind", ["phase", "module", "kind"], registry=registry
        )
        self.cost = Counter(COST_USD, "Dollars spent on models", ["phase", "module"], registry=registry)
        self.effects = Counter(EFFECTS, "Writes to GitHub by kind and outcome", ["kind", "outcome"], registry=registry)
        self.quota = Gauge(GITHUB_QUOTA, "Requests left by installation", ["installation"], registry=registry)
        self.loop_lag = Gauge(LOOP_LAG_SECONDS, "Largest delay of the event loop lately", registry=registry)

    def delivery(self, event: str, status: str, seconds: float) -> None:
        self.deliveries.labels(event, status).inc()
        self.ack.observe(seconds)

    def paid(self, call: ModuleCall, answer: StoredResult) -> None:
        """A model answered: count what it takes."""
        self.tokens.labels(call.phase, call.module, "prompt").inc(answer.usage.prompt_tokens)
        self.tokens.labels(call.phase, call.module, "completion").inc(answer.usage.completion_tokens)
        self.cost.labels(call.phase, call.module).inc(answer.usage.cost_usd or 0.0)

    def effect(self, kind: str, outcome: str) -> None:
        self.effects.labels(kind, outcome).inc()

    async def watch_loop(self, every: float = 0.25, window: int = 120) -> None:
        """Measure how late the event loop is, until cancelled; the gauge shows the worst of the last `window` looks."""
        lags: deque[float] = deque(maxlen=window)
        loop = asyncio.get_running_loop()
        while True:
            wanted = loop.time() + every
            await asyncio.sleep(every)
            lags.append(max(0.0, loop.time() - wanted))
            self.loop_lag.set(max(lags))

    def swept(self, count: int) -> None:
        self._swept.inc(count)

    def set_aside(self, count: int) -> None:
        self._set_aside.inc(count)

    def timers(self, count: int) -> None:
        self._timers.inc(count)


def names() -> Iterable[str]:
    """Every metric's name, for the documentation and the dashboard's test."""
    return sorted(
        value for name, value in globals().items() if name.isupper() and str(value).startswith("skill_fleet_")
    )
