"""/livez (the loop turns), /readyz (it can do its work) and /metrics."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
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


PATIENCE_SECONDS = 3.0
"""So long an answer waits for the database: probes give up after a few seconds themselves."""
FRESH_SECONDS = 1.0
"""What was found so lately is told again: any number of probes cost one look a second."""
STALE_SECONDS = 30.0
"""A database that was well so lately, and is slow to answer now, degrades the service. After that it fails it."""


async def _no_trouble() -> str:
    return ""


@dataclass
class Health:
    """What was found in the database is kept, and the look that finds it goes on when its answer comes too late."""

    stores: Stores
    metrics: Metrics
    state: Callable[[], str]
    others: Callable[[], Mapping[str, str]] = dict
    trouble: Callable[[], Awaitable[str]] = _no_trouble
    """Why events cannot be stored; "" when they can."""
    clock: Callable[[], float] = time.monotonic
    _found: Mapping[str, str] = field(default_factory=dict)
    _found_at: float = -math.inf
    _looking: asyncio.Task[None] | None = None

    async def livez(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(self, _: web.Request) -> web.Response:
        """200 when events can be stored and tasks run; what is merely degraded is named and stays 200."""
        checks: dict[str, str] = {"engine": "ok" if self.state() == "ready" else self.state()}
        checks |= await self._database()
        checks |= self.others()
        ready = all(value == "ok" or value.startswith("degraded") for value in checks.values())
        status = "ready" if ready else "not ready"
        return web.json_response({"status": status, "checks": checks}, status=200 if ready else 503)

    async def _database(self) -> Mapping[str, str]:
        if self.clock() - self._found_at >= FRESH_SECONDS:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            await asyncio.wait([self._looking], timeout=PATIENCE_SECONDS)
        age = self.clock() - self._found_at
        if self._looking is None or self._looking.done():
            return self._found
        if age < STALE_SECONDS and self._found["database"] == "ok":
            return {**self._found, "database": f"degraded: no answer for {age:.0f} s"}
        return {"database": f"failed: no answer within {PATIENCE_SECONDS:g} s"}

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(STALE_SECONDS):
                revision, backlog = await asyncio.gather(
                    current_revision(self.stores.database), self.stores.inbox.backlog()
                )
                trouble = await self.trouble()
        except (SQLAlchemyError, OSError) as error:
            self._found = {"database": f"failed: {type(error).__name__}"}
        else:
            wanted = latest_revision()
            age = (datetime.now(UTC) - backlog.oldest).total_seconds() if backlog.oldest else 0.0
            self._found = {
                "database": f"failed: events cannot be stored: {trouble}" if trouble else "ok",
                "migrations": "ok" if revision >= wanted else f"at {revision or 'nothing'}, wanted {wanted}",
                "backlog": "ok" if age < BACKLOG_LIMIT_SECONDS else f"degraded: oldest event waits {age:.0f} s",
            }
        self._found_at = self.clock()

    async def close(self, _: web.Application) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

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
    trouble: Callable[[], Awaitable[str]] = _no_trouble,
) -> None:
    """`others` says `ok` or `degraded: ...` of whom the service needs and cannot help; `trouble` as in `Health`."""
    health = Health(stores, metrics, state, others, trouble)
    app.on_shutdown.append(health.close)
    app.router.add_get("/livez", health.livez)
    app.router.add_get("/readyz", health.readyz)
    app.router.add_get("/metrics", health.show_metrics)
