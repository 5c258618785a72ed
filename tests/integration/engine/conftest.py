import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from bot.app import Parts, Service
from bot.engine.dispatcher import Schedule
from bot.engine.tasks import Advance
from bot.jobs.ports import Steps
from bot.metrics import Metrics
from bot.settings import Settings, load
from bot.store.database import open_database
from bot.store.stores import Stores

QUICK = Schedule(sweep=0.05, timers=0.05, coalesce=0.001)
StartService = Callable[..., Awaitable[Service]]


@dataclass
class Script:
    """An advance function that notes what it saw, and a way to wait for it."""

    seen: list[tuple[str, list[str]]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    service: Service | None = None

    async def note(self, key: str, deliveries: list[str]) -> None:
        async with self.changed:
            self.seen.append((key, deliveries))
            self.changed.notify_all()

    async def take(self, key: str, task: str, steps: Steps) -> None:
        """The plainest advance: nothing is done about the open events but to note them."""
        assert self.service is not None, "start the service with script=..."
        rows = (await self.service.stores.jobs.load(key)).rows
        await self.service.stores.jobs.discard(key, done=[row.id for row in rows], task=task)
        await self.note(key, [row.delivery for row in rows])

    async def until(self, ready: Callable[[list[tuple[str, list[str]]]], bool]) -> None:
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(lambda: ready(self.seen))


@pytest.fixture
async def start(database_url: str) -> AsyncIterator[StartService]:
    """Start a service whose jobs are advanced by the given function; it is stopped when the test ends."""
    started: list[Service] = []

    async def start(
        advance: Advance, *, script: Script | None = None, schedule: Schedule = QUICK, **changes: object
    ) -> Service:
        async def compose(settings: Settings, stores: Stores, metrics: Metrics) -> Parts:
            return Parts(advance=advance)

        quick = {"webhook_secret": "x" * 16, "database_url": database_url, "drain_seconds": 2, "lease_seconds": 4}
        settings = load(**{**quick, **changes})
        service = Service(
            settings, compose, Stores.over(open_database(database_url)), schedule=schedule, polling_seconds=0.02
        )
        if script is not None:  # before it starts: what the last process left is taken up at once
            script.service = service
        started.append(service)
        await service.start()
        return service

    yield start
    for service in started:
        if not service.stopping:
            await service.stop()
