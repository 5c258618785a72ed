"""Spans of what the pipeline does for a job: each phase and module from its start to its end, and each call it pays.

The pipeline knows nothing of it: its events say what begins and ends, its store of calls what is asked.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot import spans
from bot.drafting import Listener
from bot.jobs.job import Job
from pipeline.checkpoints import EventType, WorkflowEvent
from pipeline.runtime import CallStore, ModuleCall, StoredResult

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_STARTS = frozenset({EventType.PHASE_START, EventType.MODULE_START})
_ENDS = frozenset({EventType.PHASE_END, EventType.MODULE_END})


@dataclass
class JobSpans:
    """A `Listener` that passes everything on. What a phase that was interrupted left open ends with `quiet`."""

    listener: Listener
    _open: dict[tuple[str, str, str], list["Span"]] = field(default_factory=dict)
    """By job, phase and module; no module: the phase itself."""

    def emit(self, job: Job, event: WorkflowEvent) -> None:
        self.listener.emit(job, event)
        module = event.module if event.type in (EventType.MODULE_START, EventType.MODULE_END) else ""
        key = (job.key, str(event.phase), module)
        if event.type in _STARTS:
            name = spans.Name.MODULE if module else spans.Name.PHASE
            names = {spans.JOB: job.key, spans.PHASE: str(event.phase), spans.MODULE: module or None}
            if (begun := spans.begin(name, names, under=self._newest(job.key, str(event.phase)))) is not None:
                self._open.setdefault(key, []).append(begun)
        elif event.type in _ENDS and (opened := self._open.get(key)):
            opened.pop().end()
            if not opened:
                del self._open[key]

    async def quiet(self, job_key: str) -> None:
        for key in [key for key in self._open if key[0] == job_key]:
            for left in self._open.pop(key):
                left.end()
        await self.listener.quiet(job_key)

    def calls(self, stored: CallStore, job_key: str) -> CallStore:
        """The store, with a span for each call that is really asked."""
        return _SpannedCalls(stored, job_key, self)

    def of_call(self, job_key: str, call: ModuleCall) -> "Span | None":
        return self._newest(job_key, str(call.phase), call.module)

    def _newest(self, job_key: str, phase: str, module: str = "") -> "Span | None":
        """The open span of the module, else of its phase, else None: then the span of the task is above."""
        found = self._open.get((job_key, phase, module)) or self._open.get((job_key, phase, ""))
        return found[-1] if found else None


@dataclass(frozen=True)
class _SpannedCalls:
    stored: CallStore
    job_key: str
    open: JobSpans

    async def once(self, call: ModuleCall, run: Callable[[], Awaitable[StoredResult]]) -> StoredResult:
        async def asked() -> StoredResult:
            names = {spans.JOB: self.job_key, spans.PHASE: str(call.phase), spans.MODULE: call.module}
            with spans.span(spans.Name.MODEL_CALL, names, under=self.open.of_call(self.job_key, call)):
                answer = await run()
                usage = answer.usage
                spans.tell(
                    {
                        spans.MODEL: answer.model or None,
                        spans.PROMPT_TOKENS: usage.prompt_tokens,
                        spans.COMPLETION_TOKENS: usage.completion_tokens,
                        spans.COST_USD: usage.cost_usd,
                    }
                )
                return answer

        return await self.stored.once(call, asked)
