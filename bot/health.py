"""/livez (the loop turns), /readyz (it can do its work) and /metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from bot.figures.overview import look
from bot.metrics import Metrics
from bot.store.database import current_revision, latest_revision
from bot.store.stores import Stores

BACKLOG_LIMIT_SECONDS = 900
"""An event that waits longer than this without a task shows as a degraded, not as a dead service."""


@dataclass(frozen=True)
class Health:
    stores: Stores
    metrics: Metrics
    state: Callable[[], str]
    others: Callable[[], Mapping[str, str]] = dict

    async def livez(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(self, _: web.Request) -> web.Response:
        """200 when events can be stored and tasks run; what is merely degraded is named and stays 200."""
        checks: dict[str, str] = {"engine": "ok" if self.state() == "ready" else self.state()}
        try:
            revision = await current_revision(self.stores.database)
            checks["database"] = "ok"
            wanted = latest_revision()
            checks["migrations"] = "ok" if revision >= wanted else f"at {revision or 'nothing'}, wanted {wanted}"
            backlog = await self.stores.inbox.backlog()
            age = (datetime.now(UTC) - backlog.oldest).total_seconds() if backlog.oldest else 0.0
            checks["backlog"] = "ok" if age < BACKLOG_LIMIT_SECONDS else f"degraded: oldest event waits {age:.0f} s"
        except (SQLAlchemyError, OSError) as error:
            checks["database"] = f"failed: {type(error).__name__}"
        checks |= self.others()
        ready = all(value == "ok" or value.startswith("degraded") for value in checks.values())
        status = "ready" if ready else "not ready"
        return web.json_response({"status": status, "checks": checks}, status=200 if ready else 503)

    async def show_metrics(self, _: web.Request) -> web.Response:
        await self._measure()
        return web.Response(body=generate_latest(self.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _measure(self) -> None:
        at = datetime.now(UTC)
        try:
            now = await look(self.stores)
        except (SQLAlchemyError, OSError):
            return  # the counters of this process are still worth showing; /readyz names the database
        self.metrics.inbox_open.set(now.inbox_open)
        self.metrics.inbox_oldest.set((at - now.inbox_oldest).total_seconds() if now.inbox_oldest else 0)
        self.metrics.inbox_set_aside.set(now.inbox_set_aside)
        self.metrics.oldest_waiting.set((at - now.oldest_waiting).total_seconds() if now.oldest_waiting else 0)
        for status, count in now.counts.items():
            self.metrics.jobs.labels(status.value).set(count)


def add_health(
    app: web.Application,
    stores: Stores,
    metrics: Metrics,
    state: Callable[[], str],
    others: Callable[[], Mapping[str, str]] = dict,
) -> None:
    """`others` says `ok` or `degraded: ...` of whom the service needs and cannot help."""
    health = Health(stores, metrics, state, others)
    app.router.add_get("/livez", health.livez)
    app.router.add_get("/readyz", health.readyz)
    app.router.add_get("/metrics", health.show_metrics)
