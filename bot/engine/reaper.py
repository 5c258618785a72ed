"""PostgreSQL: every process beats; a process that fell silent loses its running tasks to the living.

A silent process may only be frozen. When it goes on it finds its lease lost and ends itself before it pays or writes
anything; what it had under way may happen twice, but only the new owner can record steps and save the job.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

import structlog

from bot.store.instances import Instances
from bot.store.lease import Lease, LeaseLostError

_log = structlog.get_logger(__name__)


class Recoverer(Protocol):
    """The part of the engine that the reaper needs."""

    executor_id: str

    async def recover(self, dead: Collection[str]) -> int: ...

    async def executors(self) -> set[str]: ...


class Reaper:
    """Start after the lease was taken; stop after the last task has ended."""

    def __init__(
        self,
        instances: Instances,
        lease: Lease,
        engine: Recoverer,
        lease_seconds: int,
        count: Callable[[int], None],
        after: Callable[[], Awaitable[None]],
    ) -> None:
        """`after` a take-over: events that the dead process had stored and not yet given a task."""
        self._instances = instances
        self._lease = lease
        self._engine = engine
        self._seconds = lease_seconds
        self._count = count
        self._after = after
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._loop = asyncio.create_task(self._forever(), name="reaper")

    async def stop(self) -> None:
        """A graceful end: nobody has to wait for the lease to run out to take over what was not finished."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])
        await self._lease.leave()

    async def beat_and_reap(self) -> None:
        await self._lease.beat()
        for name in await self._instances.silent(self._seconds):
            if name != self._engine.executor_id and await self._instances.declare_dead(name, self._seconds):
                await self._take_over(name)
                await self._instances.forget(name)
        # One that was declared dead may have claimed a task before it found out.
        for name in await self._engine.executors() - await self._instances.names():
            await self._take_over(name)

    async def _take_over(self, name: str) -> None:
        recovered = await self._engine.recover([name])
        self._count(recovered)
        await self._after()
        _log.warning("took over from a silent process", instance=name, tasks=recovered)

    async def _forever(self) -> None:
        while True:
            try:
                await self.beat_and_reap()
            except LeaseLostError as error:
                _log.critical("lease lost", reason=str(error))
                return
            except Exception:
                _log.exception("heartbeat failed; it is tried again")
            await asyncio.sleep(self._seconds / 4)
