"""What a phase began with and how it ended, kept until the job is stored beyond it: what people were shown counts.

The end of a phase is written to GitHub before the job is saved. When that stops half-way, the phase is ended anew by
another task, and by then the repository may be another one: a skill was merged, an owner chose another model. The
stored answers are found by what was asked, so that they would not be found again, and a preview that somebody has
approved already would be written anew. What was kept is found by what the phase began with, and stands.

What a phase sees of the repository, its skills and its own branch, is kept from the beginning: after a crash the same
is asked, and found answered, although another skill was merged meanwhile; and what the phase has pushed itself is not
taken for work of people, to be built upon.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from bot.jobs.advance import RunPipeline
from bot.jobs.job import Job
from bot.store.keys import outcomes_key
from pipeline.journey import Journey
from pipeline.skills.taxonomy import Taxonomy

M = TypeVar("M", bound=BaseModel)

_log = structlog.get_logger(__name__)


class Records(Protocol):
    """Where outcomes become durable; `bot.store.steps`. The first record of a name stands."""

    async def of(self, task: str) -> dict[str, str]: ...

    async def add(self, task: str, records: Mapping[str, str]) -> dict[str, str]: ...


@dataclass(frozen=True)
class Remembering:
    """`advance.RunPipeline` that runs a phase once for what it begins with. Failures are tried again."""

    run: RunPipeline
    records: Records

    async def __call__(self, job: Job, taxonomy: Taxonomy, seen: int, model: str) -> Journey:
        name, key = _name(job), outcomes_key(job.key)
        if (kept := (await self.records.of(key)).get(name)) is not None:
            return Journey.model_validate_json(kept)
        ended = await self.run(job, taxonomy, seen, model)
        if ended.failure is not None:
            return ended
        first = await self.records.add(key, {name: ended.model_dump_json()})
        return Journey.model_validate_json(first[name]) if name in first else ended

    async def begun_with(self, job: Job, what: str, into: type[M], look: Callable[[], Awaitable[M]]) -> M:
        """`advance.BegunWith`: what the phase of this job saw first; what is there now if that cannot be read, which
        another version of us has kept in another form."""
        name, key = f"{_name(job)}:{what}", outcomes_key(job.key)
        kept = (await self.records.of(key)).get(name)
        if kept is None:
            found = await look()
            kept = (await self.records.add(key, {name: found.model_dump_json()})).get(name)
            if kept is None:
                return found
        try:
            return into.model_validate_json(kept)
        except ValidationError:
            _log.warning("what a phase began with cannot be read: it goes on with what is there now", what=what)
            return await look()


def _name(job: Job) -> str:
    return hashlib.sha256(job.journey.model_dump_json().encode()).hexdigest()
