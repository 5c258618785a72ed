"""How a phase ended, kept until the job is stored beyond it: what people were shown is what counts.

The end of a phase is written to GitHub before the job is saved. When that stops half-way, the phase is ended anew by
another task, and by then the repository may be another one: a skill was merged, an owner chose another model. The
stored answers are found by what was asked, so that they would not be found again, and a preview that somebody has
approved already would be written anew. What was kept is found by what the phase began with, and stands.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bot.jobs.advance import RunPipeline
from bot.jobs.job import Job
from bot.store.keys import outcomes_key
from pipeline.journey import Journey
from pipeline.skills.taxonomy import Taxonomy


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
        if (kept := (await self.records.of(key)).get(name)) is not None:
            return Journey.model_validate_json(kept)
        ended = await self.run(job, taxonomy, seen, model)
        if ended.failure is not None:
            return ended
        first = await self.records.add(key, {name: ended.model_dump_json()})
        return Journey.model_validate_json(first[name]) if name in first else ended
