from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from bot.app import Parts, Service
from bot.engine.dispatcher import Schedule
from bot.engine.runtime import Advance
from bot.metrics import Metrics
from bot.settings import Settings, load
from bot.store.database import open_database
from bot.store.stores import Stores

QUICK = Schedule(sweep=0.05, timers=0.05, coalesce=0.001)
StartService = Callable[..., Awaitable[Service]]


@pytest.fixture
async def start(database_url: str) -> AsyncIterator[StartService]:
    """Start a service whose jobs are advanced by the given function; it is stopped when the test ends."""
    started: list[Service] = []

    async def start(advance: Advance, *, schedule: Schedule = QUICK, **changes: object) -> Service:
        async def compose(settings: Settings, stores: Stores, metrics: Metrics) -> Parts:
            return Parts(advance=advance)

        quick = {"webhook_secret": "x" * 16, "database_url": database_url, "drain_seconds": 2, "lease_seconds": 4}
        settings = load(**{**quick, **changes})
        service = Service(
            settings, compose, Stores.over(open_database(database_url)), schedule=schedule, polling_seconds=0.02
        )
        started.append(service)
        await service.start()
        return service

    yield start
    for service in started:
        if not service.stopping:
            await service.stop()
