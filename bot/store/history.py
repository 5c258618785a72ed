"""What became of jobs over time: their status changes, and figures by day (UTC).

Written in the transactions that make it true (a job's save, a paid call's insert), so everything is counted once; read
by `bot.figures` alone. For showing and measuring, never for control flow.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache

from sqlalchemy import Connection, Insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.jobs.job import Job, JobStatus
from bot.store.inbox import insert_ignoring_known
from bot.store.tables import daily_figures, job_moves
from pipeline.models import Usage


class Figure(StrEnum):
    """What is counted by day. `name` and `amount` mean something of their own for each."""

    ENTERED = "entered"
    """Jobs that came into the status `name`."""
    LEFT = "left"
    """Jobs that left the status `name`, after `amount` seconds in all."""
    DRAFTED = "drafted"
    """Drafts whose quality begins with the tenth `name`; `amount` is the sum of their qualities."""
    PAID = "paid"
    """Answers of a model to the module `name`, for `amount` dollars where prices are known."""
    TOKENS = "tokens"
    """Tokens of the module `name`, prompts and answers together."""


@dataclass(frozen=True, slots=True)
class Increment:
    figure: Figure
    name: str
    count: int = 1
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class DayFigure:
    """The sum of a day's increments."""

    day: date
    figure: Figure
    name: str
    count: int
    amount: float


@dataclass(frozen=True, slots=True)
class Move:
    """A job came into a status."""

    number: int
    at: datetime
    status: JobStatus
    phase: str
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Before:
    """A job as the table knew it before a save."""

    status: JobStatus | None = None
    since: datetime | None = None
    draft: str | None = None


def increments_of(before: Before, job: Job, now: datetime) -> list[Increment]:
    """What a save at this time adds to the figures of its day."""
    found: list[Increment] = []
    if job.status is not before.status:
        found.append(Increment(Figure.ENTERED, job.status.value))
        if before.status is not None:
            lasted = (now - before.since).total_seconds() if before.since else 0.0
            found.append(Increment(Figure.LEFT, before.status.value, amount=max(0.0, lasted)))
    generation = job.journey.generation
    if generation is not None and generation.draft.digest != before.draft:
        score = generation.quality.overall_score
        found.append(Increment(Figure.DRAFTED, str(min(int(score * 10), 9)), amount=score))
    return found


def increments_of_call(module: str, usage: Usage) -> list[Increment]:
    """What a paid call adds."""
    tokens = usage.prompt_tokens + usage.completion_tokens
    return [
        Increment(Figure.PAID, module, amount=usage.cost_usd or 0.0),
        Increment(Figure.TOKENS, module, count=tokens),
    ]


def count_within(connection: Connection, counted: Iterable[tuple[datetime, Sequence[Increment]]]) -> None:
    """Add to the figures of days. Last in its transaction and in one order, so that two never wait for each other."""
    sums: dict[tuple[str, str, str], tuple[int, float]] = {}
    for at, increments in counted:
        for each in increments:
            key = at.date().isoformat(), each.figure.value, each.name[:80]
            count, amount = sums.get(key, (0, 0.0))
            sums[key] = count + each.count, amount + each.amount
    if sums:
        rows = [
            {"day": day, "figure": figure, "name": name, "count": count, "amount": amount}
            for (day, figure, name), (count, amount) in sorted(sums.items())
        ]
        connection.execute(_upsert(connection.dialect.name), rows)


def note_move_within(connection: Connection, job: Job, now: datetime) -> None:
    """A job came into its status with this save."""
    checkpoint = job.journey.checkpoint
    values = {
        "job_key": job.key,
        "number": job.moves,
        "at": now,
        "status": job.status.value,
        "phase": job.journey.phase,
        "checkpoint": checkpoint.kind if checkpoint else "",
    }
    connection.execute(insert_ignoring_known(connection.dialect.name, job_moves, "job_key", "number"), values)


@cache
def _upsert(dialect: str) -> Insert:
    if dialect == "sqlite":
        small = sqlite.insert(daily_figures)
        return small.on_conflict_do_update(
            index_elements=["day", "figure", "name"],
            set_={name: daily_figures.c[name] + small.excluded[name] for name in ("count", "amount")},
        )
    large = postgresql.insert(daily_figures)
    return large.on_conflict_do_update(
        index_elements=["day", "figure", "name"],
        set_={name: daily_figures.c[name] + large.excluded[name] for name in ("count", "amount")},
    )


class History:
    """Reads it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def moves(self, job_key: str) -> list[Move]:
        """Oldest first; empty for a job that ended longer ago than finished things are kept."""
        query = select(job_moves).where(job_moves.c.job_key == job_key).order_by(job_moves.c.number)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [Move(row.number, row.at, JobStatus(row.status), row.phase, row.checkpoint) for row in rows]

    async def days(self, since: date) -> list[DayFigure]:
        """Everything from this day on, oldest first."""
        query = (
            select(daily_figures)
            .where(daily_figures.c.day >= since.isoformat())
            .order_by(daily_figures.c.day, daily_figures.c.figure, daily_figures.c.name)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [
            DayFigure(date.fromisoformat(day), Figure(figure), name, count, amount)
            for day, figure, name, count, amount in rows
        ]
