"""Runs the pipeline for a job: every answer of the model stored before it is used, live events to whoever watches.

Before a call that was not answered yet, the job's inbox is looked at: when somebody has said something that may change
what the phase should do, the phase stops there (`Interrupted`) and goes on from stored answers after they were heard.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.jobs.advance import Interrupted
from bot.jobs.job import Job, Repository
from pipeline.checkpoints import WorkflowEvent
from pipeline.journey import Journey
from pipeline.lm.choice import ModelNotAllowed, Models
from pipeline.runtime import CallStore, ModuleCall, Runtime, StoredResult
from pipeline.skills.taxonomy import Taxonomy
from pipeline.workflows.creation import advance


class Listener(Protocol):
    def emit(self, job: Job, event: WorkflowEvent) -> None: ...

    async def quiet(self, job_key: str) -> None: ...


@dataclass(frozen=True)
class InterruptibleCalls:
    """A CallStore that asks nothing new once the job has something to hear; stored answers are always given."""

    stored: CallStore
    interrupted: Callable[[], Awaitable[bool]]

    async def once(self, call: ModuleCall, run: Callable[[], Awaitable[StoredResult]]) -> StoredResult:
        async def unless_interrupted() -> StoredResult:
            if await self.interrupted():
                raise Interrupted
            return await run()

        return await self.stored.once(call, unless_interrupted)


@dataclass(frozen=True)
class Drafting:
    """`advance.RunPipeline`. One per process."""

    models: Models
    calls: Callable[[str], CallStore]
    interrupted: Callable[[str, int], Awaitable[bool]]
    listener: Listener
    clock: Callable[[], datetime]
    prompts: Mapping[str, str]
    skill_files: Callable[[Repository, str], Awaitable[Mapping[str, str] | None]]

    async def __call__(self, job: Job, taxonomy: Taxonomy, seen: int, model: str) -> Journey:
        try:
            chosen = self.models.choose(model)
        except ModelNotAllowed as refused:
            return job.journey.model_copy(update={"status": "failed", "failure": refused.failure})
        runtime = Runtime(
            taxonomy=taxonomy,
            model=chosen,
            calls=InterruptibleCalls(self.calls(job.key), lambda: self.interrupted(job.key, seen)),
            emit=lambda event: self.listener.emit(job, event),
            clock=self.clock,
            prompts=self.prompts,
            skill_files=lambda path: self.skill_files(job.repository, path),
        )
        try:
            return await advance(job.journey, runtime)
        finally:
            await self.listener.quiet(job.key)
