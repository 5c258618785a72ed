"""The right of this process to act: to ask the model, to write to GitHub. Others may take it from a silent process.

On PostgreSQL a process that does not beat for the lease time is presumed dead, and its tasks are done again elsewhere.
It may only have been frozen (a paused machine, a stalled disk): when it goes on, `hold` finds out before anything is
paid or written a second time, and the process ends itself. On SQLite there is one process, and the lease always holds.
"""

import asyncio
import time
from collections.abc import Callable

from bot.store.instances import Instances


class LeaseLostError(Exception):
    """Others have taken over what this process was doing."""


def _now() -> float:
    """Seconds that also pass while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class Lease:
    """Held from `take` on; without it (SQLite) `hold` never fails."""

    def __init__(self, instances: Instances, clock: Callable[[], float] = _now) -> None:
        self._instances = instances
        self._clock = clock
        self._name = ""
        self._seconds = 0
        self._confirmed = 0.0
        self._asking = asyncio.Lock()
        self._lost: Callable[[], None] = lambda: None
        self.processes = 1
        """How many share the work, as of the last beat."""

    async def take(self, name: str, seconds: int, lost: Callable[[], None]) -> None:
        """`lost` is called when others took over; it should end the process and need not return."""
        began = self._clock()
        await self._instances.enter(name)
        self._name, self._seconds, self._confirmed, self._lost = name, seconds, began, lost
        self.processes = await self._instances.living()

    async def beat(self) -> None:
        """Raises LeaseLostError."""
        began = self._clock()
        if not await self._instances.beat(self._name):
            self._lost()
            raise LeaseLostError(f"{self._name} was silent for more than {self._seconds} s; others took over")
        self._confirmed = began
        self.processes = await self._instances.living()

    async def hold(self) -> None:
        """Returns when nobody can have taken over; asks the database only after a silence of half the lease."""
        if not self._name or self._clock() - self._confirmed < self._seconds / 2:
            return
        async with self._asking:
            if self._clock() - self._confirmed >= self._seconds / 2:
                await self.beat()

    async def leave(self) -> None:
        if self._name:
            name, self._name = self._name, ""
            await self._instances.leave(name)
