"""Who is alive on a shared PostgreSQL: one row per process, beaten on the database's own clock."""

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.tables import instances


class Instances:
    """The instances table (PostgreSQL only)."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def beat(self, instance: str) -> None:
        statement = postgresql.insert(instances).values(id=instance, started_at=func.now(), beat_at=func.now())
        async with self._engine.begin() as connection:
            await connection.execute(
                statement.on_conflict_do_update(index_elements=["id"], set_={"beat_at": func.now()})
            )

    async def silent(self, seconds: int) -> list[str]:
        """Instances whose last beat is older than this."""
        limit = func.now() - text("make_interval(secs => :seconds)").bindparams(seconds=seconds)
        async with self._engine.connect() as connection:
            return list((await connection.execute(select(instances.c.id).where(instances.c.beat_at < limit))).scalars())

    async def leave(self, instance: str) -> None:
        """This process ends: whoever looks next takes over what it did not finish, without waiting for silence."""
        async with self._engine.begin() as connection:
            await connection.execute(
                update(instances).where(instances.c.id == instance).values(beat_at=func.to_timestamp(0))
            )

    async def forget(self, instance: str) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(delete(instances).where(instances.c.id == instance))
