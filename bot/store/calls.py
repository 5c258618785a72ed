"""Paid model calls, stored before they are used: the same question of the same job is never paid twice.

The table is the record, not the engine's step log: calls of a phase run concurrently and their order may differ when a
phase is replayed or its code has changed since. A crash between the answer and its commit asks again; failures are
not stored. When two processes ask at once (one of them presumed dead), the first stored answer is the answer of both.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.history import count_within, increments_of_call
from bot.store.inbox import insert_ignoring_known
from bot.store.tables import module_calls
from pipeline.runtime import ModuleCall, StoredResult

OnPaid = Callable[[ModuleCall, StoredResult], None]
"""A call was answered and will be on the bill, whatever becomes of the answer."""


def _uncounted(call: ModuleCall, answer: StoredResult) -> None:
    """Nobody counts."""


class JobCalls:
    """A `pipeline.runtime.CallStore` for one job."""

    def __init__(self, engine: AsyncEngine, job_key: str, on_paid: OnPaid = _uncounted) -> None:
        self._engine = engine
        self._job_key = job_key
        self._on_paid = on_paid

    async def once(self, call: ModuleCall, run: Callable[[], Awaitable[StoredResult]]) -> StoredResult:
        """The stored answer, or `run`'s, durable before it is returned. Raises what `run` raises."""
        stored = await self._find(call)
        if stored is not None:
            return stored
        started = time.monotonic()
        answer = await run()
        self._on_paid(call, answer)
        if await self._insert(call, answer, time.monotonic() - started):
            return answer
        first = await self._find(call)
        assert first is not None, "a conflicting row cannot vanish while its job runs"
        return first

    async def _find(self, call: ModuleCall) -> StoredResult | None:
        query = select(module_calls.c.result).where(
            module_calls.c.job_key == self._job_key, module_calls.c.call_key == call.key
        )
        async with self._engine.connect() as connection:
            text = (await connection.execute(query)).scalar_one_or_none()
        return StoredResult.model_validate_json(text) if text is not None else None

    async def _insert(self, call: ModuleCall, answer: StoredResult, seconds: float) -> bool:
        now = datetime.now(UTC)
        statement = insert_ignoring_known(self._engine.dialect.name, module_calls, ["job_key", "call_key"]).values(
            job_key=self._job_key,
            call_key=call.key,
            phase=call.phase,
            module=call.module,
            result=answer.model_dump_json(),
            seconds=seconds,
            created_at=now,
        )
        async with self._engine.begin() as connection:
            if (await connection.execute(statement)).rowcount != 1:
                return False
            await count_within(connection, now, increments_of_call(call.module, answer.usage))
        return True
