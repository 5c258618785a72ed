"""Runs the pipeline for a job: every answer of the model stored before it is used, live events to whoever watches.

What writes skills (DSPy and all that it brings) is imported when the first job needs it, in a thread: a service that
waits holds half the memory, and is ready in half the time.

Before a call that was not answered yet, the job's inbox is looked at: when somebody has said something that may change
what the phase should do, the phase stops there (`Interrupted`) and goes on from stored answers after they were heard.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.credentials import scrub_json
from bot.garbage import keep_for_good
from bot.jobs.advance import Interrupted
from bot.jobs.job import Job, Repository
from bot.logs import in_our_form
from pipeline.checkpoints import WorkflowEvent
from pipeline.journey import Failure, Journey
from pipeline.lm.choice import ModelNotAllowed, Models
from pipeline.runtime import CallStore, ModuleCall, Runtime, StoredResult
from pipeline.skills.taxonomy import Taxonomy


class Listener(Protocol):
    def emit(self, job: Job, event: WorkflowEvent) -> None: ...

    async def quiet(self, job_key: str) -> None: ...


@dataclass(frozen=True)
class InterruptibleCalls:
    """A CallStore that asks nothing new once the job has something to hear; stored answers are always given.

    A new answer is stored without what looks like a credential: no draft, question or report can show one.
    """

    stored: CallStore
    interrupted: Callable[[], Awaitable[bool]]

    async def once(self, call: ModuleCall, run: Callable[[], Awaitable[StoredResult]]) -> StoredResult:
        async def unless_interrupted() -> StoredResult:
            if await self.interrupted():
                raise Interrupted
            answer = await run()
            return answer.model_copy(update={"outputs": scrub_json(answer.outputs)})

        return await self.stored.once(call, unless_interrupted)


async def _never_refused(job: Job) -> Failure | None:
    """There is no limit."""
    return None


@dataclass(frozen=True)
class Machinery:
    """What is loaded late."""

    models: Models
    advance: Callable[[Journey, Runtime], Awaitable[Journey]]


@dataclass
class Drafting:
    """`advance.RunPipeline`. One per process."""

    models: Callable[[], Models]
    """Builds them; called once, in a thread, by the first job."""
    calls: Callable[[str], CallStore]
    interrupted: Callable[[str, int], Awaitable[bool]]
    listener: Listener
    clock: Callable[[], datetime]
    prompts: Mapping[str, str]
    skill_files: Callable[[Repository, str], Awaitable[Mapping[str, str] | None]]
    refused: Callable[[Job], Awaitable[Failure | None]] = _never_refused
    """Why the job may not ask a model now; asked only when there is one."""
    traced: Callable[[str], AbstractContextManager[None]] = field(default=lambda _: nullcontext())
    """Given a job's key: marks the model calls made inside, for whoever records them."""
    spanned: Callable[[CallStore, str], CallStore] = field(default=lambda calls, _: calls)
    """Given a job's calls and key: the same, watched by whoever measures them."""
    _machinery: asyncio.Future[Machinery] | None = None

    async def __call__(self, job: Job, taxonomy: Taxonomy, seen: int, model: str) -> Journey:
        machinery = await self._loaded()
        try:
            chosen = machinery.models.choose(model)
        except ModelNotAllowed as refused:
            return job.journey.model_copy(update={"status": "failed", "failure": refused.failure})
        if chosen is not None and (failure := await self.refused(job)) is not None:
            return job.journey.model_copy(update={"status": "failed", "failure": failure})
        runtime = Runtime(
            taxonomy=taxonomy,
            model=chosen,
            calls=self.spanned(
                InterruptibleCalls(self.calls(job.key), lambda: self.interrupted(job.key, seen)), job.key
            ),
            emit=lambda event: self.listener.emit(job, event),
            clock=self.clock,
            prompts=self.prompts,
            skill_files=lambda path: self.skill_files(job.repository, path),
        )
        try:
            with self.traced(job.key):
                return await machinery.advance(job.journey, runtime)
        finally:
            await self.listener.quiet(job.key)

    async def _loaded(self) -> Machinery:
        """Loaded by whoever comes first; all that come meanwhile wait for the same. A failure is tried again."""
        loading = self._machinery
        if loading is None or (loading.done() and (loading.cancelled() or loading.exception() is not None)):
            loading = self._machinery = asyncio.ensure_future(asyncio.to_thread(self._load))
        return await asyncio.shield(loading)

    def _load(self) -> Machinery:
        is_first = "dspy" not in sys.modules
        from pipeline.workflows.creation import advance

        in_our_form("dspy")
        machinery = Machinery(self.models(), advance)
        if is_first:
            keep_for_good()
        return machinery
