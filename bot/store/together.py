"""Transactions that run in threads of their own, and small writes that become durable together.

A transaction that awaits each of its statements pays for two changes of thread with every one, which cost more than the
statement. Here a transaction is a plain function that runs in one thread from begin to commit. Writes that come while
others are being written share the next transaction, and so do those that come within a moment while much is written;
when one of them fails, each is written by itself, so that nobody fails for somebody else's reason.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from bot.store.database import Database
from bot.store.history import Increment, count_within
from bot.store.turns import others_first

T = TypeVar("T")

LARGEST = 16
"""Writes in one transaction at most."""
MOMENT = 0.005
"""Seconds that a write waits for others to share its transaction, which costs ten times what the write itself does."""
QUIET = 0.02
"""Seconds without a transaction after which a write waits for nobody."""


@dataclass(frozen=True)
class Batch:
    """A transaction that several writes share."""

    connection: Connection
    _counted: list[tuple[datetime, list[Increment]]] = field(default_factory=list)

    def count(self, at: datetime, increments: list[Increment]) -> None:
        """Add to the figures of a day: last of all, since every job writes the same few rows."""
        self._counted.append((at, increments))

    def end(self) -> None:
        count_within(self.connection, self._counted)


@dataclass(eq=False)
class _Write:
    """A write that is not durable yet."""

    work: Callable[[Batch], object]
    done: asyncio.Future[object]

    def settle(self, outcome: "_Outcome") -> None:
        if self.done.done():  # whoever asked does not wait any more
            return
        if isinstance(outcome, _Failed):
            self.done.set_exception(outcome.error)
        else:
            self.done.set_result(outcome)


@dataclass(frozen=True)
class _Failed:
    error: Exception


_Outcome = object | _Failed


class Together:
    """One per database and event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Write] = []
        self._writing: asyncio.Task[None] | None = None
        self._ended = -QUIET
        """When the last transaction did."""

    async def look(self, read: Callable[[Connection], T]) -> T:
        """What `read` returns, which finds few rows by an index; it may be run again.

        On SQLite that takes a tenth of a millisecond, and no writer is in its way: it happens right here. In a thread
        it would take three times the processor time, and thirty milliseconds of waiting for the interpreter while jobs
        run. Else, and where the file is locked against readers, too, it runs in a thread on a connection of its own.
        """
        if self._database.here is not None:
            try:
                with self._database.here.connect() as connection:
                    return read(connection)
            except OperationalError:
                pass
        return await asyncio.get_running_loop().run_in_executor(self._database.readers, self._look, read)

    async def write(self, work: Callable[[Batch], T]) -> T:
        """What `work` returns, durable when this returns. Raises what it raises, and nothing is written then.

        `work` runs in a thread, and again when a neighbour failed. Who is cancelled meanwhile leaves a write that is
        done all the same.
        """
        mine = _Write(work, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        if self._writing is None or self._writing.done():
            # In nobody's context: it writes for all of them.
            self._writing = asyncio.create_task(self._write(), name="write-together", context=Context())
            self._writing.add_done_callback(self._over)
        return cast(T, await mine.done)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            if loop.time() - self._ended < QUIET:
                await asyncio.sleep(MOMENT)
            some, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
            try:
                outcomes = await loop.run_in_executor(self._database.writer, self._commit, [each.work for each in some])
            except BaseException:
                for each in some:
                    each.done.cancel()
                raise
            self._ended = loop.time()
            self._waiting = some[len(outcomes) :] + self._waiting
            for each, outcome in zip(some, outcomes, strict=False):
                each.settle(outcome)

    def _over(self, writing: asyncio.Task[None]) -> None:
        """Nobody waits for a writer that was cancelled, perhaps before it began."""
        if writing.cancelled():
            left, self._waiting = self._waiting, []
            for each in left:
                each.done.cancel()

    def _look(self, read: Callable[[Connection], T]) -> T:
        with self._database.direct.connect() as connection:
            return read(connection)

    def _commit(self, works: list[Callable[[Batch], object]]) -> list[_Outcome]:
        """What the first of these came to, or all of them: they end early when a delivery waits to be stored."""
        results: list[_Outcome] = []
        try:
            with self._database.direct.begin() as connection:
                batch = Batch(connection)
                for work in works:
                    results.append(work(batch))
                    if others_first(connection):
                        break
                batch.end()
            return results
        except Exception as error:
            if len(works) == 1:
                return [_Failed(error)]
        return [outcome for work in works for outcome in self._commit([work])]
