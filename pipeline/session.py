"""One phase of one journey while it runs: stores each call before it is used, counts it, and tells what happens."""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter

from pipeline.checkpoints import EventType, Measured, WorkflowEvent
from pipeline.journey import Failure, Journey
from pipeline.models import Phase, ReportedFinding, SkillDraft, Usage
from pipeline.outline import OutlineDrafter
from pipeline.prompts import instructed, version
from pipeline.runtime import CallFailed, Drafter, ModuleCall, Runtime, StoredResult, call_key
from pipeline.typed import adapter, schema_digest

log = logging.getLogger(__name__)

CALL_VERSION = 1
INTERNAL = Failure(code="internal", message="Something went wrong on our side.", retryable=True)
T = TypeVar("T")
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class Session:
    """Opened by a workflow around its phase; modules find it through `current_session`."""

    def __init__(self, journey: Journey, runtime: Runtime, phase: Phase) -> None:
        self.runtime = runtime
        self.phase = phase
        self.drafter: Drafter = runtime.model or OutlineDrafter()
        self._attempt = journey.attempt
        self._usage = journey.usage
        self._by_module = dict(journey.usage_by_module)
        self._counted = list(journey.counted_calls)
        self._outside_errors: list[Exception] = []

    @contextmanager
    def open(self) -> Iterator["Session"]:
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)

    async def ask(self, predictor: Any, module: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The typed outputs for these inputs, paid for at most once. Raises CallFailed."""
        signature = inputs.get("signature") or predictor.signature
        if self.runtime.model is not None and self.runtime.prompts:
            signature = instructed(signature, self.runtime.prompts)
            inputs = {**inputs, "signature": signature}
        call = ModuleCall(phase=self.phase, module=module, key=self._key(predictor, signature, inputs))

        async def run() -> StoredResult:
            try:
                return await self.drafter.answer(predictor, inputs, self._usage)
            except CallFailed:
                raise
            except Exception:
                log.exception("asking for %s broke", module)
                raise CallFailed(INTERNAL) from None

        try:
            stored = await self.outside(self.runtime.calls.once(call, run))
        except CallFailed as failed:
            self._count(module, failed.usage)
            raise
        if call.key[:16] not in self._counted:
            self._counted.append(call.key[:16])
            self._count(module, stored.usage)
        return {
            name: adapter(field.annotation).validate_python(stored.outputs[name])
            for name, field in signature.output_fields.items()
        }

    async def outside(self, work: Awaitable[T]) -> T:
        """Awaits something of our caller's. Its errors are the caller's too: the workflow passes them through."""
        try:
            return await work
        except CallFailed:
            raise
        except Exception as error:
            self._outside_errors.append(error)
            raise

    def is_outside(self, error: Exception) -> bool:
        """Whether an error came from the caller's store or reader."""
        return any(error is known for known in self._outside_errors)

    @asynccontextmanager
    async def module(self, name: str, message: str = "") -> AsyncIterator[None]:
        """Announces a module's start and end."""
        started = self.runtime.clock()
        self.tell(EventType.MODULE_START, module=name, message=message)
        yield
        seconds = (self.runtime.clock() - started).total_seconds()
        self.tell(EventType.MODULE_END, module=name, message=message, seconds=seconds)

    def tell(self, event: EventType, **values: Any) -> None:
        self.runtime.emit(WorkflowEvent(type=event, phase=self.phase, at=self.runtime.clock(), **values))

    def measured(self, draft: SkillDraft, findings: Sequence[ReportedFinding], quality: float | None = None) -> None:
        """Tells how good a draft is at this moment."""
        severities = Counter(finding.severity for finding in findings)
        found = Measured(
            draft=draft.short_digest,
            quality=quality,
            errors=severities["error"],
            warnings=severities["warning"],
            infos=severities["info"],
        )
        self.tell(EventType.MEASURED, measured=found)

    def account(self, journey: Journey) -> Journey:
        """The journey with what this phase took."""
        return journey.model_copy(
            update={
                "usage": self._usage,
                "usage_by_module": dict(self._by_module),
                "counted_calls": list(self._counted),
                "drafter": self.drafter.name,
                "prompts": version(self.runtime.prompts) if self.runtime.model is not None else "",
            }
        )

    def _count(self, module: str, usage: Usage) -> None:
        self._usage = self._usage + usage
        self._by_module[module] = self._by_module.get(module, Usage()) + usage

    def _key(self, predictor: Any, signature: Any, inputs: Mapping[str, Any]) -> str:
        outputs = {name: schema_digest(field.annotation) for name, field in signature.output_fields.items()}
        given = {name: plain(value) for name, value in inputs.items() if name in signature.input_fields}
        return call_key(
            {
                "version": CALL_VERSION,
                "signature": str(signature.__name__),
                "instructions": str(signature.instructions),
                "outputs": plain(outputs),
                "demos": plain(predictor.demos),
                "model": self.drafter.name,
                "inputs": given,
                "attempt": self._attempt,
            }
        )


_current: ContextVar[Session | None] = ContextVar("skill_fleet_session", default=None)


def current_session() -> Session | None:
    """The session this task runs in; None when a module is used on its own."""
    return _current.get()


def plain(value: Any) -> JsonValue:
    """Any input as JSON."""
    if isinstance(value, BaseModel):
        return _JSON.validate_python(value.model_dump(mode="json"))
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
