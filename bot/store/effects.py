"""What was written to GitHub, by semantic key: a memory of remote ids and results; the last write of a key wins."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.github.effects.log import Recorded
from bot.jobs.effects import EffectResult
from bot.store.tables import effects

_RESULT: TypeAdapter[EffectResult] = TypeAdapter(EffectResult)


OnEffect = Callable[[str, str], None]
"""(kind, outcome) of a write to GitHub that stands or was refused."""


def _uncounted(kind: str, outcome: str) -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True)
class Written:
    """An effect as people look at it."""

    kind: str
    key: str
    at: datetime
    result: EffectResult


class Effects:
    """Implements `bot.github.effects.log.EffectLog`."""

    def __init__(self, engine: AsyncEngine, on_effect: OnEffect = _uncounted) -> None:
        self._engine = engine
        self._on_effect = on_effect

    async def find(self, job_key: str, key: str) -> Recorded | None:
        query = select(effects).where(effects.c.job_key == job_key, effects.c.key == key)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return None
        return Recorded(key=key, kind=row.kind, remote_id=row.remote_id, result=_RESULT.validate_json(row.result))

    async def of(self, job_key: str) -> list["Written"]:
        """All of a job, in the order in which they were first made."""
        query = select(effects).where(effects.c.job_key == job_key).order_by(effects.c.id)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [Written(row.kind, row.key, row.created_at, _RESULT.validate_json(row.result)) for row in rows]

    async def record(self, job_key: str, key: str, kind: str, remote_id: int, result: EffectResult) -> None:
        self._on_effect(kind, result.kind)
        now = datetime.now(UTC)
        changed = {
            "kind": kind,
            "remote_id": remote_id,
            "result": _RESULT.dump_json(result).decode(),
            "updated_at": now,
        }
        insert = sqlite.insert if self._engine.dialect.name == "sqlite" else postgresql.insert
        statement = insert(effects).values(job_key=job_key, key=key, created_at=now, **changed)
        async with self._engine.begin() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["job_key", "key"], set_=changed))
