"""What a phase began with and how it ended, kept until the job is stored beyond it: what people were shown counts.

The end of a phase is written to GitHub before the job is saved. When that stops half-way, the phase is ended anew by
another task, and by then the repository may be another one: a skill was merged, an owner chose another model. The
stored answers are found by what was asked, so that they would not be found again, and a preview that somebody has
approved already would be written anew. What was kept is found by what the phase began with, and stands.

The skills that are there are a part of most questions, so they are kept from the phase's beginning: after a crash the
same is asked, and found answered, although another skill was merged meanwhile.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog
from pydantic import ValidationError

from bot.jobs.advance import RunPipeline
from bot.jobs.job import Job
from bot.store.keys import outcomes_key
from pipeline.journey import Journey
from pipeline.skills.taxonomy import Taxonomy

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
        name = hashlib.sha256(job.journey.model_dump_json().encode()).hexdigest()
        key = outcomes_key(job.key)
        kept = await self.records.of(key)
        if (outcome := kept.get(name)) is not None:
            return Journey.model_validate_json(outcome)
        began = f"{name}:skills"
        if (skills := kept.get(began)) is None:
            skills = (await self.records.add(key, {began: taxonomy.model_dump_json()})).get(began)
        ended = await self.run(job, taxonomy if skills is None else _read(skills, taxonomy), seen, model)
        if ended.failure is not None:
            return ended
        first = await self.records.add(key, {name: ended.model_dump_json()})
        return Journey.model_validate_json(first[name]) if name in first else ended


def _read(skills: str, now: Taxonomy) -> Taxonomy:
    """The skills as they were; those of now, when another version of us has kept them in another form."""
    try:
        return Taxonomy.model_validate_json(skills)
    except ValidationError:
        _log.warning("a phase goes on with the skills of now: those it began with cannot be read")
        return now
