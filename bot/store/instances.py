"""Who is alive on a shared PostgreSQL: one row per process, beaten on the database's own clock.

A process that was declared dead stays dead: its beats no longer count, so it finds out and ends itself.
"""

from datetime import datetime

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.functions import Function

from bot.store.tables import instances


def _epoch() -> Function[datetime]:
    return func.to_timestamp(0)


LIVING = select(func.count()).where(instances.c.beat_at > _epoch())
"""How many processes share the work, those included whose silence nobody has noticed yet."""


class Instances:
    """The instances table (PostgreSQL only). `beat_at` is the epoch for those who left or were declared dead."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def enter(self, instance: str) -> None:
        """A process begins."""
        statement = postgresql.insert(instances).values(id=instance, started_at=func.now(), beat_at=func.now())
        async with self._engine.begin() as connection:
            await connection.execute(
                statement.on_conflict_do_update(index_elements=["id"], set_={"beat_at": func.now()})
            )

    async def beat(self, instance: str) -> bool:
        """Still there? False when the process was declared dead meanwhile."""
        alive = (instances.c.id == instance) & (instances.c.beat_at > _epoch())
        async with self._engine.begin() as connection:
            found = await connection.execute(update(instances).where(alive).values(beat_at=func.now()))
        return found.rowcount == 1

    async def silent(self, seconds: int) -> list[str]:
        """Instances whose last beat is older than this, those that were declared dead included."""
        query = select(instances.c.id).where(instances.c.beat_at < _ago(seconds))
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def declare_dead(self, instance: str, seconds: int) -> bool:
        """Declare it dead unless it has beaten meanwhile; whether it is dead now."""
        silent = (instances.c.id == instance) & (instances.c.beat_at < _ago(seconds))
        async with self._engine.begin() as connection:
            found = await connection.execute(update(instances).where(silent).values(beat_at=_epoch()))
        return found.rowcount == 1

    async def names(self) -> set[str]:
        async with self._engine.connect() as connection:
            return set((await connection.execute(select(instances.c.id))).scalars())

    async def living(self) -> int:
        async with self._engine.connect() as connection:
            count: int = (await connection.execute(LIVING)).scalar_one()
        return count

    async def leave(self, instance: str) -> None:
        """This process ends: whoever looks next takes over what it did not finish, without waiting for silence."""
        async with self._engine.begin() as connection:
            await connection.execute(update(instances).where(instances.c.id == instance).values(beat_at=_epoch()))

    async def forget(self, instance: str) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(delete(instances).where(instances.c.id == instance))


def _ago(seconds: int):  # type: ignore[no-untyped-def]
    return func.now() - text("make_interval(secs => :seconds)").bindparams(seconds=seconds)
