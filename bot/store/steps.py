"""What the steps of a running task gave, so that the task goes on from there after a crash instead of beginning anew.

The engine could record steps itself; its record of one costs two transactions and five changes of thread. Here the
records of all tasks share transactions with whatever else is written at that moment. A task that ended needs them no
more: they are deleted behind it, and by retention when a crash came in between.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, delete, select

from bot.store.inbox import insert_ignoring_known
from bot.store.tables import steps
from bot.store.together import Batch, Together

_OF_TASK = select(steps.c.name, steps.c.record).where(steps.c.task == bindparam("of"))
_FORGET = delete(steps).where(steps.c.task == bindparam("of"))


class StepRecords:
    """The steps table. Records are opaque text."""

    def __init__(self, together: Together) -> None:
        self._together = together

    async def of(self, task: str) -> dict[str, str]:
        """The records of a task by the names of its steps."""
        rows = await self._together.look(lambda connection: connection.execute(_OF_TASK, {"of": task}).all())
        return dict(tuple(row) for row in rows)

    async def add(self, task: str, records: Mapping[str, str]) -> dict[str, str]:
        """Make these durable; returns those that another process had recorded first, which stand.

        That other one is presumed dead or presumes us dead (see `bot.store.lease`): both go on from the same records.
        """
        rows = [
            {"task": task, "name": name, "record": record, "created_at": datetime.now(UTC)}
            for name, record in sorted(records.items())
        ]

        def add(batch: Batch) -> dict[str, str]:
            insert = insert_ignoring_known(batch.connection.dialect.name, steps, "task", "name")
            if batch.connection.execute(insert, rows).rowcount == len(rows):
                return {}
            stored = batch.connection.execute(_OF_TASK, {"of": task})
            return {name: record for name, record in stored if records.get(name, record) != record}

        return await self._together.write(add)

    async def forget(self, task: str) -> None:
        """The task ended."""
        await self._together.write(lambda batch: forget_within(batch.connection, task))


def forget_within(connection: Connection, task: str) -> None:
    """Delete the records of a task."""
    connection.execute(_FORGET, {"of": task})
