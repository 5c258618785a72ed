"""PostgreSQL: every process beats; a process that fell silent loses its running tasks to the living.

A silent process may only be frozen. Its tasks then run twice for a while, but only the new owner can record steps and
save the job, and writes to GitHub are found before they are made again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Protocol

import structlog

from bot.store.instances import Instances

_log = structlog.get_logger(__name__)


class Recoverer(Protocol):
    """The part of the engine that the reaper needs."""

    executor_id: str

    async def recover(self, dead: Collection[str]) -> int: ...


class Reaper:
    """Start before the first task may run; stop after the last one has."""

    def __init__(
        self,
        instances: Instances,
        engine: Recoverer,
        lease_seconds: int,
        count: Callable[[int], None],
        after: Callable[[], Awaitable[None]],
    ) -> None:
        """`after` a take-over: events that the dead process had stored and not yet given a task."""
        self._instances = instances
        self._engine = engine
        self._lease = lease_seconds
        self._count = count
        self._after = after
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._instances.beat(self._engine.executor_id)
        self._loop = asyncio.create_task(self._forever(), name="reaper")

    async def stop(self) -> None:
        """A graceful end: nobody has to wait for the lease to run out to take over what was not finished."""
        if self._loop is not None:
            self._loop.cancel()
            with suppress(asyncio.CancelledError):
                await self._loop
        await self._instances.leave(self._engine.executor_id)

    async def beat_and_reap(self) -> None:
        await self._instances.beat(self._engine.executor_id)
        dead = [name for name in await self._instances.silent(self._lease) if name != self._engine.executor_id]
        for name in dead:
            recovered = await self._engine.recover([name])
            await self._instances.forget(name)
            self._count(recovered)
            await self._after()
            _log.warning("took over from a silent process", instance=name, tasks=recovered)

    async def _forever(self) -> None:
        while True:
            try:
                await self.beat_and_reap()
            except Exception:
                _log.exception("heartbeat failed; it is tried again")
            await asyncio.sleep(self._lease / 4)
