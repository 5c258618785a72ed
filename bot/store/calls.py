"""Paid model calls, stored before they are used: the same question of the same job is never paid twice.

The table is the record, not the engine's step log: calls of a phase run concurrently and their order may differ when a
phase is replayed or its code has changed since. A crash between the answer and its commit asks again; failures are
not stored. When two processes ask at once (one of them presumed dead), the first stored answer is the answer of both.
Answers that come while others are being written become durable together, in one transaction.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from sqlalchemy import Insert, bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.history import count_within, increments_of_call
from bot.store.inbox import insert_ignoring_known
from bot.store.tables import module_calls
from pipeline.models import Usage
from pipeline.runtime import ModuleCall, StoredResult

OnPaid = Callable[[ModuleCall, StoredResult], None]
"""A call was answered and will be on the bill, whatever becomes of the answer."""

_FIND = select(module_calls.c.result).where(
    module_calls.c.job_key == bindparam("job_key"), module_calls.c.call_key == bindparam("call_key")
)
_TOGETHER = 100
"""Answers in one transaction; they may be documents."""


@cache
def _insert(dialect: str) -> Insert:
    statement = insert_ignoring_known(dialect, module_calls, ["job_key", "call_key"])
    return statement.returning(module_calls.c.job_key, module_calls.c.call_key)


def _uncounted(call: ModuleCall, answer: StoredResult) -> None:
    """Nobody counts."""


@dataclass(frozen=True, eq=False)
class _Waiting:
    """An answer that is not durable yet; `stored` tells whether it was the first for its question."""

    row: dict[str, object]
    usage: Usage
    stored: asyncio.Future[bool]

    @property
    def key(self) -> tuple[str, str]:
        return str(self.row["job_key"]), str(self.row["call_key"])


class PaidCalls:
    """The table of all jobs' answers. One per database and event loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def find(self, job_key: str, call_key: str) -> StoredResult | None:
        async with self._engine.connect() as connection:
            found = await connection.execute(_FIND, {"job_key": job_key, "call_key": call_key})
            text = found.scalar_one_or_none()
        return StoredResult.model_validate_json(text) if text is not None else None

    async def add(self, job_key: str, call: ModuleCall, answer: StoredResult, seconds: float) -> bool:
        """Durable when this returns; False when there was an answer to this question already. Raises what the
        database raises; who is cancelled meanwhile leaves an answer that is stored all the same."""
        row = {
            "job_key": job_key,
            "call_key": call.key,
            "phase": call.phase,
            "module": call.module,
            "result": answer.model_dump_json(),
            "seconds": seconds,
            "created_at": datetime.now(UTC),
        }
        mine = _Waiting(row, answer.usage, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
            self._writing.add_done_callback(self._over)
        return await mine.stored

    async def _write(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
            await self._write_together(some)

    def _over(self, writing: asyncio.Task[None]) -> None:
        """Nobody waits for a writer that was cancelled, perhaps before it began."""
        if writing.cancelled():
            left, self._waiting = self._waiting, []
            for each in left:
                each.stored.cancel()

    async def _write_together(self, some: list[_Waiting]) -> None:
        try:
            new = await self._insert(some)
        except Exception as error:
            for each in some:
                if not each.stored.done():
                    each.stored.set_exception(error)
            return
        except asyncio.CancelledError:
            for each in some:
                each.stored.cancel()
            raise
        for each in some:
            if not each.stored.done():
                each.stored.set_result(each in new)

    async def _insert(self, some: list[_Waiting]) -> list[_Waiting]:
        """Those that were the first for their question, in one transaction."""
        first: dict[tuple[str, str], _Waiting] = {}
        for each in some:
            first.setdefault(each.key, each)
        async with self._engine.begin() as connection:
            ordered = [first[key].row for key in sorted(first)]  # in one order, so that two processes never deadlock
            rows = await connection.execute(_insert(self._engine.dialect.name), ordered)
            new = [first[job_key, call_key] for job_key, call_key in rows]
            increments = [part for each in new for part in increments_of_call(str(each.row["module"]), each.usage)]
            await count_within(connection, datetime.now(UTC), increments)
        return new


class JobCalls:
    """A `pipeline.runtime.CallStore` for one job."""

    def __init__(self, paid: PaidCalls, job_key: str, on_paid: OnPaid = _uncounted) -> None:
        self._paid = paid
        self._job_key = job_key
        self._on_paid = on_paid

    async def once(self, call: ModuleCall, run: Callable[[], Awaitable[StoredResult]]) -> StoredResult:
        """The stored answer, or `run`'s, durable before it is returned. Raises what `run` raises."""
        stored = await self._paid.find(self._job_key, call.key)
        if stored is not None:
            return stored
        started = time.monotonic()
        answer = await run()
        self._on_paid(call, answer)
        if await self._paid.add(self._job_key, call, answer, time.monotonic() - started):
            return answer
        first = await self._paid.find(self._job_key, call.key)
        assert first is not None, "a conflicting row cannot vanish while its job runs"
        return first
