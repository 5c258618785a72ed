"""Works on the keys whose leases a run holds: advance, write down, hear what others added, until all is at rest.

While it works, what it knows is written every few seconds: that renews the leases, keeps paid answers, and brings in
what people say meanwhile. A task that fails is tried again a few times; what is left open the next run takes up.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from bot.engine.tasks import Advance, TaskFailure
from bot.jobs.ports import NotBeforeError
from bot.noserver import database
from bot.noserver.books import Books, LeaseLostError
from bot.noserver.state import StateError
from bot.noserver.turn import Pauses, PlainSteps
from bot.store.stores import Stores
from bot.waiting import is_set_within

_log = structlog.get_logger(__name__)


@dataclass
class Worker:
    """One per run."""

    books: Books
    stores: Stores
    advance: Advance
    pauses: Pauses
    workers: int
    max_attempts: int
    failed: dict[str, str] = field(default_factory=dict)
    """Keys that are left open, with the reason of the last failure."""
    lost: set[str] = field(default_factory=set)

    @property
    def path(self) -> Path:
        return self.stores.database.path

    async def work(self, keys: Collection[str]) -> None:
        """Bring these keys to rest. Their leases are held by this run, and given back in the end. Raises StateError."""
        held = set(keys)
        try:
            while held:
                await self._while_writing(held)
                held -= self.lost
                held = set(await self._write(held, release=True))
        except asyncio.CancelledError:
            # The runner is about to kill us: what was done is written, and the next run need not wait.
            await self._write(held - self.lost, release=True)
            raise

    async def _while_writing(self, held: set[str]) -> None:
        """Advance all of them, and write from time to time. Returns when nothing moves any more."""
        gate, stop = asyncio.Semaphore(self.workers), asyncio.Event()
        tasks = {key: asyncio.create_task(self._until_at_rest(key, gate)) for key in sorted(held)}
        writer = asyncio.create_task(self._keep_writing(tasks, stop))
        try:
            await asyncio.wait(tasks.values())
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
            stop.set()
            await writer
        for key, task in tasks.items():
            if key not in self.lost:
                task.result()

    async def _keep_writing(self, tasks: dict[str, asyncio.Task[None]], stop: asyncio.Event) -> None:
        while not await is_set_within(self.pauses.write, stop):
            try:
                await self._write(set(tasks) - self.lost, release=False)
            except StateError as error:
                _log.warning("the state could not be written; it is tried again", reason=str(error))
            for key in self.lost & set(tasks):
                tasks[key].cancel()

    async def _write(self, keys: Collection[str], *, release: bool) -> Collection[str]:
        """Write the keys' rows down and take in what others added; the keys that have something new."""
        if not keys:
            return ()
        mine = await asyncio.to_thread(database.read, self.path, keys)
        try:
            news = await self.books.write(mine, release=release)
        except LeaseLostError as error:
            self.lost |= set(str(error).split(", "))
            _log.warning("another run took over", jobs=sorted(self.lost))
            return ()
        for rows in news.values():
            await asyncio.to_thread(database.add, self.path, "inbox", rows)
        return news

    async def _until_at_rest(self, key: str, gate: asyncio.Semaphore) -> None:
        async with gate:
            for number, pause in enumerate((*self.pauses.retry, None)):
                if key in self.lost or not await self._open(key):
                    return
                try:
                    await self.advance(key, f"run:{self.books.run}:{key}:{number}", PlainSteps())
                except Exception as error:
                    self.failed[key] = await self._note(key, error)
                    if pause is None or isinstance(error, NotBeforeError):
                        return
                    await asyncio.sleep(pause)
                else:
                    self.failed.pop(key, None)

    async def _note(self, key: str, error: Exception) -> str:
        """Why it failed, for the row as well, as the engine of a server notes it."""
        if isinstance(error, NotBeforeError):
            await self.stores.inbox.postpone(key, error.when)
            return str(error)
        failure = TaskFailure.of(error)
        _log.warning("task failed", job=key, reason=failure.reason[:500], passing=failure.is_passing)
        patient = self.max_attempts - 1 if failure.is_passing else None
        await self.stores.inbox.note_failure(
            key, failure.reason, datetime.now(UTC), row=failure.row, patient_tries=patient
        )
        return failure.reason

    async def _open(self, key: str) -> bool:
        return bool(await self.stores.inbox.open_rows(key, limit=1))
