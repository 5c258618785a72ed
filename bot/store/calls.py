"""Paid model calls, stored before they are used: the same question of the same job is never paid twice.

The table is the record, not the engine's step log: calls of a phase run concurrently and their order may differ when a
phase is replayed or its code has changed since. A crash between the answer and its commit asks again; failures are
not stored. When two processes ask at once (one of them presumed dead), the first stored answer is the answer of both.
Answers that come while others are being written become durable together, in one transaction.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from sqlalchemy import bindparam, select

from bot.store.history import increments_of_call
from bot.store.inbox import insert_ignoring_known
from bot.store.tables import module_calls
from bot.store.together import Batch, Together
from pipeline.runtime import ModuleCall, StoredResult

OnPaid = Callable[[ModuleCall, StoredResult], None]
"""A call was answered and will be on the bill, whatever becomes of the answer."""

_FIND = select(module_calls.c.result).where(
    module_calls.c.job_key == bindparam("job"), module_calls.c.call_key == bindparam("call")
)


def _uncounted(call: ModuleCall, answer: StoredResult) -> None:
    """Nobody counts."""


class PaidCalls:
    """The table of all jobs' answers. One per database and event loop."""

    def __init__(self, together: Together) -> None:
        self._together = together

    async def find(self, job_key: str, call_key: str) -> StoredResult | None:
        wanted = {"job": job_key, "call": call_key}
        text = await self._together.look(lambda connection: connection.execute(_FIND, wanted).scalar_one_or_none())
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

        def add(batch: Batch) -> bool:
            insert = insert_ignoring_known(batch.connection.dialect.name, module_calls, "job_key", "call_key")
            new = batch.connection.execute(insert, row).rowcount == 1
            if new:
                batch.count(datetime.now(UTC), increments_of_call(call.module, answer.usage))
            return new

        return await self._together.write(add)


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
