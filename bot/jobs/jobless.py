"""Events that belong to no job (yet): what every `advance` for their keys begins and ends with, as durable steps."""

from collections.abc import Sequence

from bot.jobs.events import InboxRow
from bot.jobs.intake import repository_of
from bot.jobs.job import Repository
from bot.jobs.ports import JobStore, Loaded, Steps
from pipeline.models import Value


class Closed(Value):
    """The rows are marked done."""


async def load(key: str, store: JobStore, steps: Steps) -> list[InboxRow]:
    """The open rows of `key`, oldest first."""
    return (await steps.repeatable("load", Loaded, lambda: store.load(key))).rows


def where_from(rows: Sequence[InboxRow]) -> Repository | None:
    """The repository that these rows are about."""
    return next(filter(None, map(repository_of, rows)), None)


async def close(key: str, rows: Sequence[InboxRow], task: str, store: JobStore, steps: Steps) -> None:
    """Mark the rows done."""

    async def discard() -> Closed:
        await store.discard(key, done=[row.id for row in rows], task=task)
        return Closed()

    await steps.repeatable("close", Closed, discard)
